import { forEachGroup } from './band-groups.ts';
import type { NearPair } from './clusters.ts';
import type { Documents } from './documents.ts';
import { pairGroup } from './group.ts';
import { similarityBy } from './similarity.ts';

interface Labelled extends Omit<Documents, 'count'> {
  /** Numbers of those to look at, ascending. */
  among: Uint32Array;
  /** A number for each document: pairs are looked for between different ones, such as splits. */
  labels: ArrayLike<number>;
  /** What is less similar is not told; above 0. */
  floor: number;
  /** A pair that is known, as the closest of all pairs that are not looked at. */
  known?: NearPair | null;
}

/** The most similar pair of documents that share a band key and have different labels; of equally similar ones the first. */
export function closestAcross({ among, bands, shinglesOf, labels, floor, known }: Labelled): NearPair | null {
  let closest: NearPair | null = known ?? null;
  const pairing = {
    bands,
    shinglesOf,
    similarity: similarityBy(shinglesOf),
    partOf: (document: number) => labels[document] ?? 0,
    least: () => closest?.jaccard ?? floor,
    found(a: number, b: number, jaccard: number) {
      const first = !closest || jaccard > closest.jaccard || a < closest.a || (a === closest.a && b < closest.b);
      if (first) closest = { a, b, jaccard };
    },
  };
  forEachGroup(among, bands, (members, band) => pairGroup(members, band, pairing));
  return closest;
}
