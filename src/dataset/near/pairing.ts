import { type Documents, shareBand } from './documents.ts';
import { jaccardFrom } from './jaccard.ts';

/** What is looked for among documents that share a band. */
export interface Pairing extends Pick<Documents, 'bands' | 'shinglesOf'> {
  /** Two documents of one part are not compared. Parts may grow together on the way, never apart. */
  partOf: (document: number) => number;
  /** The similarity from which on a pair counts. It may rise on the way, never fall. */
  least: () => number;
  found: (a: number, b: number, jaccard: number) => void;
}

export type Compare = (a: number, b: number) => void;

/** Compares two documents that share `band`, unless they met in a band before. */
export function comparing(band: number, { bands, shinglesOf, least, found }: Pairing): Compare {
  return (a, b) => {
    if (shareBand(bands, a, b, band)) return;
    const limit = least();
    const jaccard = jaccardFrom(shinglesOf(a), shinglesOf(b), limit);
    if (jaccard >= limit) found(Math.min(a, b), Math.max(a, b), jaccard);
  };
}
