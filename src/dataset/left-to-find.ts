import { type Before, unseen } from './before.ts';
import { allDocuments, sharingWithFresh } from './near/band-groups.ts';
import type { Comparing } from './near/clusters.ts';
import type { Documents } from './near/documents.ts';
import { createUnionFind } from './near/union-find.ts';

/**
 * Of which documents clusters are to be found, and what is known of the others. What was there and was like none shares a band with
 * none that it is like, other than with fresh ones. A cluster that is whole, and shares a band with no fresh one, has the edges that
 * it had: whom it compares, and in which order, is as it was. Of large groups all are looked at, since whom these compare goes by
 * all of them; such a group is one of a fresh document, or was one.
 */
export function leftToFind(
  { count, bands }: Documents,
  { labels, crowded, torn, edges }: Before,
): Required<Pick<Comparing, 'among' | 'known'>> {
  const fresh = new Uint8Array(count);
  for (let document = 0; document < count; document += 1) if (labels[document] === unseen) fresh[document] = 1;
  const all = allDocuments(count);
  const touched = new Uint8Array(count);
  for (const document of sharingWithFresh(all, bands, fresh, crowded)) touched[document] = 1;
  const sets = createUnionFind(count);
  for (const { a, b } of edges) sets.join(a, b);
  const isTouched = new Uint8Array(count);
  for (let document = 0; document < count; document += 1) {
    if (touched[document] !== 0 || torn[document] !== 0) isTouched[sets.find(document)] = 1;
  }
  return {
    among: all.filter((document) => touched[document] !== 0 || isTouched[sets.find(document)] !== 0),
    known: edges.filter(({ a }) => isTouched[sets.find(a)] === 0),
  };
}
