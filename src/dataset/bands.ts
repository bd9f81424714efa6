import { bandCount, bandsOf } from './near/signature.ts';
import { shingleHashes } from './near/shingles.ts';

/** The bands of documents by their number: all that is kept of them for finding candidates. */
export interface BandTable {
  /** Adds the next document. */
  add(document: string): void;
  readonly count: number;
  /** `bandCount` values a document. */
  readonly bands: Uint32Array;
}

const firstRoom = 1024;

/** Creates an empty table. */
export function createBandTable(): BandTable {
  let bands = new Uint32Array(firstRoom * bandCount);
  let count = 0;
  return {
    add(document) {
      if ((count + 1) * bandCount > bands.length) {
        const larger = new Uint32Array(bands.length * 2);
        larger.set(bands);
        bands = larger;
      }
      bandsOf(shingleHashes(document), bands, count * bandCount);
      count += 1;
    },
    get count() {
      return count;
    },
    get bands() {
      return bands.subarray(0, count * bandCount);
    },
  };
}
