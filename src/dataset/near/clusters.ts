import { forEachGroup } from './band-groups.ts';
import { type Documents, keepShingles } from './documents.ts';
import { pairGroup } from './group.ts';
import { createUnionFind } from './union-find.ts';

/** Two documents, `a` below `b`, and the Jaccard similarity of their shingles. */
export interface NearPair {
  a: number;
  b: number;
  jaccard: number;
}

export interface Clusters {
  /** The smallest document of each document's cluster. */
  root: Int32Array;
  /** Pairs that hold the clusters together, as few as are needed. */
  edges: NearPair[];
}

/**
 * The connected components of all pairs of documents that share a band key and whose similarity is at least `threshold`.
 * Pairs that are connected already are not compared. The order of the documents changes edges, never who is with whom.
 *
 * @example
 * const bands = new Uint32Array(texts.length * bandCount);
 * const sets = texts.map((text) => shingleHashes(text));
 * sets.forEach((shingles, index) => bandsOf(shingles, bands, index * bandCount));
 * findClusters({ count: texts.length, bands, shinglesOf: (index) => sets[index]!, threshold: 0.8 });
 */
export function findClusters({ count, bands, shinglesOf, threshold }: Documents & { threshold: number }): Clusters {
  const sets = createUnionFind(count);
  const edges: NearPair[] = [];
  const pairing = {
    bands,
    shinglesOf: keepShingles(shinglesOf),
    partOf: sets.find,
    least: () => threshold,
    found(a: number, b: number, jaccard: number) {
      sets.join(a, b);
      edges.push({ a, b, jaccard });
    },
  };
  forEachGroup(count, bands, (members, band) => pairGroup(members, band, pairing));
  return { root: sets.roots(), edges };
}
