import { type Documents, shareBand } from './documents.ts';
import type { Similarity } from './similarity.ts';

/** What is looked for among documents that share a band. */
export interface Pairing extends Pick<Documents, 'bands' | 'shinglesOf'> {
  similarity: Similarity;
  /** Two documents of one part are not compared. Parts may grow together on the way, never apart. */
  partOf: (document: number) => number;
  /** The similarity from which on a pair counts. It may rise on the way, never fall. */
  least: () => number;
  found: (a: number, b: number, jaccard: number) => void;
}

export type Compare = (a: number, b: number) => void;

/** Compares two documents that share `band`, unless they met in a band before. */
export function comparing(band: number, { bands, similarity, least, found }: Pairing): Compare {
  return (a, b) => {
    if (shareBand(bands, a, b, band)) return;
    const limit = least();
    const jaccard = similarity(a, b, limit);
    if (jaccard >= limit) found(Math.min(a, b), Math.max(a, b), jaccard);
  };
}
