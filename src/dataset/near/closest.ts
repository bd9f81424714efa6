import { forEachGroup } from './band-groups.ts';
import type { NearPair } from './clusters.ts';
import { type Documents, keepShingles } from './documents.ts';
import { pairGroup } from './group.ts';

interface Labelled extends Documents {
  /** A number for each document: pairs are looked for between different ones, such as splits. */
  labels: ArrayLike<number>;
  /** What is less similar is not told; above 0. */
  floor: number;
}

/** The most similar pair of documents that share a band key and have different labels; of equally similar ones the first. */
export function closestAcross({ count, bands, shinglesOf, labels, floor }: Labelled): NearPair | null {
  let closest: NearPair | null = null;
  const pairing = {
    bands,
    shinglesOf: keepShingles(shinglesOf),
    partOf: (document: number) => labels[document] ?? 0,
    least: () => closest?.jaccard ?? floor,
    found(a: number, b: number, jaccard: number) {
      const first = !closest || jaccard > closest.jaccard || a < closest.a || (a === closest.a && b < closest.b);
      if (first) closest = { a, b, jaccard };
    },
  };
  forEachGroup(count, bands, (members, band) => pairGroup(members, band, pairing));
  return closest;
}
