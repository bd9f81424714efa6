import { type Drafts, type Indexes, byStrength, keepOf, learn } from '../drafts.ts';

export interface ShareLimit {
  /** Largest share of the learned text that one group may have, in (0, 1]. */
  most: number;
  /** Null for what is of no group, and is never dropped. */
  groupOf(draft: number): string | null;
  drop(draft: number): void;
}

/**
 * Drops the weakest of every group that has more than its share of the characters that are learned, until none has. A group
 * of size T beside others of size O is within the share s when T ≤ O · s / (1 − s). The largest group is cut first,
 * since that makes the shares of the others larger. Where there are too few groups for the limit to be met, as with one
 * rater, nothing is dropped.
 */
export function withinShare(input: Indexes, drafts: Drafts, { most, groupOf, drop }: ShareLimit): Indexes {
  const { kind, size } = drafts;
  const groups = new Map<string, { members: number[]; size: number; isSorted: boolean }>();
  let total = 0;
  let others = 0;
  for (const draft of input) {
    if (kind[draft] !== learn) continue;
    const characters = size[draft] as number;
    total += characters;
    const name = groupOf(draft);
    if (name === null) {
      others = 1;
      continue;
    }
    const group = groups.get(name);
    if (group) {
      group.members.push(draft);
      group.size += characters;
    } else groups.set(name, { members: [draft], size: characters, isSorted: false });
  }
  if (groups.size + others < 1 / most) return input;
  const gone = new Set<number>();
  for (;;) {
    const largest = largestOf(groups);
    if (!largest || largest.size <= most * total) break;
    if (!largest.isSorted) largest.members.sort(byStrength(drafts));
    largest.isSorted = true;
    const weakest = largest.members.pop();
    if (weakest === undefined) break;
    gone.add(weakest);
    const characters = size[weakest] as number;
    total -= characters;
    largest.size -= characters;
    drop(weakest);
  }
  return gone.size === 0 ? input : keepOf(input, (draft) => !gone.has(draft));
}

function largestOf<Group extends { size: number }>(groups: ReadonlyMap<string, Group>): Group | null {
  let largest: [string, Group] | null = null;
  for (const [name, group] of groups) {
    const isLarger = !largest || group.size > largest[1].size || (group.size === largest[1].size && name < largest[0]);
    if (isLarger) largest = [name, group];
  }
  return largest && largest[1];
}
