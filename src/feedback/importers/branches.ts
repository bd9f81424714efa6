/** A message in a tree of messages. */
export interface Branching {
  id: string;
  /** Null at the beginning; one that is not in the tree is a beginning too. */
  parent: string | null;
}

/** The messages from the beginning to the one before `id`. A tree that goes round in a circle is cut there. */
export function branchBefore<T extends Branching>(tree: ReadonlyMap<string, T>, id: string): T[] {
  const branch: T[] = [];
  const seen = new Set([id]);
  let at = parentOf(tree, id);
  while (at && !seen.has(at.id)) {
    seen.add(at.id);
    branch.push(at);
    at = parentOf(tree, at.id);
  }
  return branch.reverse();
}

function parentOf<T extends Branching>(tree: ReadonlyMap<string, T>, id: string): T | undefined {
  const parent = tree.get(id)?.parent;
  return parent === null || parent === undefined ? undefined : tree.get(parent);
}
