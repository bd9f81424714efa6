import { type Before, unseen } from './before.ts';
import { keepOf } from './drafts.ts';
import { allDocuments } from './near/band-groups.ts';
import type { Comparing } from './near/clusters.ts';
import type { Documents } from './near/documents.ts';
import { type Pairs, createPairs } from './near/pairs.ts';
import { sharingWithFresh } from './near/sharing.ts';
import { createUnionFind } from './near/union-find.ts';

/**
 * Of which documents clusters are to be found, and what is known of the others. What was there and was like none shares a band with
 * none that it is like, other than with fresh ones. A cluster that is whole, and shares a band with no fresh one, has the edges that
 * it had: whom it compares, and in which order, is as it was. Of large groups all are looked at, since whom these compare goes by
 * all of them; such a group is one of a fresh document, or was one. `sharing` is not 0 for those that share a band with a fresh one.
 */
export function leftToFind(
  { count, bands }: Documents,
  { labels, crowded, torn, edges }: Before,
): Required<Pick<Comparing, 'among' | 'known'>> & { sharing: Uint8Array } {
  const fresh = new Uint8Array(count);
  for (let document = 0; document < count; document += 1) if (labels[document] === unseen) fresh[document] = 1;
  const sharing = sharingWithFresh(count, bands, fresh);
  const isTouched = (document: number): boolean => sharing[document] !== 0 || crowded[document] !== 0;
  const sets = createUnionFind(count);
  edges.each(sets.join);
  const clusterOf = sets.roots();
  /** By the name of the cluster. */
  const isOpen = new Uint8Array(count);
  for (let document = 0; document < count; document += 1) {
    if (isTouched(document) || torn[document] !== 0) isOpen[clusterOf[document] as number] = 1;
  }
  return {
    among: keepOf(allDocuments(count), (document) => isOpen[clusterOf[document] as number] !== 0),
    known: pairsWhere(edges, (one) => isOpen[clusterOf[one] as number] === 0),
    sharing,
  };
}

/** Those of which the first says so. */
function pairsWhere(pairs: Pairs, says: (one: number) => boolean): Pairs {
  const kept = createPairs();
  pairs.each((one, other) => {
    if (says(one)) kept.add(one, other);
  });
  return kept;
}
