import { type Draft, byStrength } from '../draft.ts';

export interface ShareLimit {
  /** Largest share of the learned text that one group may have, in (0, 1]. */
  most: number;
  /** Null for what is of no group, and is never dropped. */
  groupOf(draft: Draft): string | null;
  drop(draft: Draft): void;
}

/**
 * Drops the weakest of every group that has more than its share of the characters that are learned, until none has. A group
 * of size T beside others of size O is within the share s when T ≤ O · s / (1 − s). The largest group is cut first,
 * since that makes the shares of the others larger. Where there are too few groups for the limit to be met, as with one
 * rater, nothing is dropped.
 */
export function withinShare(drafts: readonly Draft[], { most, groupOf, drop }: ShareLimit): Draft[] {
  const learned = drafts.filter(({ kind }) => kind === 'learn');
  const groups = new Map<string, Draft[]>();
  let total = 0;
  for (const draft of learned) {
    total += draft.size;
    const group = groupOf(draft);
    if (group === null) continue;
    const members = groups.get(group);
    if (members) members.push(draft);
    else groups.set(group, [draft]);
  }
  const others = learned.some((draft) => groupOf(draft) === null) ? 1 : 0;
  if (groups.size + others < 1 / most) return [...drafts];
  const gone = new Set<Draft>();
  const sizes = new Map([...groups].map(([group, members]) => [group, sizeOf(members)]));
  for (const members of groups.values()) members.sort(byStrength);
  for (;;) {
    const largest = largestOf(sizes);
    if (!largest || largest.size <= most * total) break;
    const weakest = groups.get(largest.group)?.pop();
    if (!weakest) break;
    gone.add(weakest);
    total -= weakest.size;
    sizes.set(largest.group, largest.size - weakest.size);
    drop(weakest);
  }
  return gone.size === 0 ? [...drafts] : drafts.filter((draft) => !gone.has(draft));
}

function sizeOf(drafts: readonly Draft[]): number {
  return drafts.reduce((sum, { size }) => sum + size, 0);
}

function largestOf(sizes: ReadonlyMap<string, number>): { group: string; size: number } | null {
  let largest: { group: string; size: number } | null = null;
  for (const [group, size] of sizes) {
    if (!largest || size > largest.size || (size === largest.size && group < largest.group)) largest = { group, size };
  }
  return largest;
}
