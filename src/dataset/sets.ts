/** Disjoint sets of names. */
export interface Sets {
  join(a: string, b: string): void;
  /** The representative of a name's set: the name itself where it was never joined. */
  find(name: string): string;
  /** Every name that was joined with another. */
  members(): Iterable<string>;
}

/** Creates disjoint sets, each named by its smallest member (union-find with path halving). */
export function createSets(): Sets {
  const parent = new Map<string, string>();

  function find(name: string): string {
    let root = name;
    for (;;) {
      const up = parent.get(root);
      if (up === undefined || up === root) return root;
      const above = parent.get(up) ?? up;
      parent.set(root, above);
      root = above;
    }
  }

  return {
    join(a, b) {
      const [one, other] = [find(a), find(b)];
      const [root, child] = one < other ? [one, other] : [other, one];
      parent.set(root, root);
      parent.set(child, root);
    },
    find,
    members: () => parent.keys(),
  };
}
