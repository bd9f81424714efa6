import { allDocuments, forEachGroup } from './band-groups.ts';
import type { Documents } from './documents.ts';
import { isLarge, pairGroup } from './group.ts';
import type { Pairs } from './pairs.ts';
import { type Similarity, similarityBy } from './similarity.ts';
import { createUnionFind } from './union-find.ts';

/** Two documents, `a` below `b`. */
export interface Pair {
  a: number;
  b: number;
}

/** Two documents, and the Jaccard similarity of their shingles. */
export interface NearPair extends Pair {
  jaccard: number;
}

/** Documents, and how they are compared. */
export interface Comparing extends Documents {
  threshold: number;
  /** Where it is known in another way than by their shingles. */
  similarity?: Similarity;
  /** The documents of which anything is to be found, ascending; all unless given. */
  among?: Uint32Array;
  /** Edges of clusters of which nothing is to be found. */
  known?: Pairs;
}

export interface Clusters {
  /** The smallest document of each document's cluster. */
  root: Int32Array;
  /** Pairs that hold the clusters together, as few as are needed; without those that were known. */
  edges: NearPair[];
  /** Not 0 for documents of which a band key is that of a large group, where who is compared goes by all of them. */
  crowded: Uint8Array;
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
export function findClusters(options: Comparing): Clusters {
  const { count, bands, shinglesOf, threshold, similarity = similarityBy(shinglesOf), known } = options;
  const sets = createUnionFind(count);
  known?.each(sets.join);
  const crowded = new Uint8Array(count);
  const edges: NearPair[] = [];
  const pairing = {
    bands,
    shinglesOf,
    similarity,
    partOf: sets.find,
    least: () => threshold,
    found(a: number, b: number, jaccard: number) {
      sets.join(a, b);
      edges.push({ a, b, jaccard });
    },
  };
  forEachGroup(options.among ?? allDocuments(count), bands, (members, band) => {
    if (isLarge(members)) for (const member of members) crowded[member] = 1;
    pairGroup(members, band, pairing);
  });
  return { root: sets.roots(), edges, crowded };
}
