import type { LeakCheck } from '../core/dataset.ts';
import type { Draft } from './draft.ts';
import { type Placed, alikeAcross, checkLeaks } from './leak-check.ts';
import type { Documents } from './near/documents.ts';
import { joinsOf } from './stages/near.ts';
import { type Join, type Shares, type Tombstone, splitNodes } from './stages/split.ts';

export interface PlaceOptions {
  /** Nodes that belong together; more may come to it. */
  joins: Join[];
  tombstones: readonly Tombstone[];
  shares: Shares;
  /** Documents of the drafts in their order, and from which similarity on two are alike; null where that is not looked for. */
  near: { documents: Documents; jaccard: number } | null;
}

/**
 * Gives every draft its split. Bands miss one in a hundred pairs that are just alike enough, so pairs across splits are looked for
 * without them; what is found belongs together, and everything is placed again until nothing is.
 */
export function placeDrafts(
  chosen: readonly Draft[],
  { joins, tombstones, shares, near }: PlaceOptions,
): { placed: Placed[]; leaks: LeakCheck | null } {
  for (;;) {
    const splitOf = splitNodes(joins, tombstones, shares);
    const placed = chosen.map((draft) => ({ draft, split: splitOf(draft.node) }));
    if (near === null) return { placed, leaks: null };
    const pairs = alikeAcross(placed, near.documents, near.jaccard);
    if (pairs.length === 0) return { placed, leaks: checkLeaks(placed, near.documents, near.jaccard, pairs) };
    for (const join of joinsOf(chosen, pairs)) joins.push(join);
  }
}
