import { bandCount } from './near/signature.ts';

/** The bands of documents by their number: all that is kept of them for finding candidates. */
export interface BandTable {
  /** Adds the bands of the next document, which stand among others from a place on. */
  add(words: Uint32Array, from: number): void;
  /** `bandCount` values a document. */
  readonly bands: Uint32Array;
}

const firstRoom = 1024;

/** Creates an empty table with room for so many. */
export function createBandTable(expected = firstRoom): BandTable {
  let table = new Uint32Array(Math.max(firstRoom, expected) * bandCount);
  let count = 0;
  return {
    add(words, from) {
      if ((count + 1) * bandCount > table.length) {
        const larger = new Uint32Array(table.length * 2);
        larger.set(table);
        table = larger;
      }
      const at = count * bandCount;
      for (let band = 0; band < bandCount; band += 1) table[at + band] = words[from + band] as number;
      count += 1;
    },
    get bands() {
      return table.subarray(0, count * bandCount);
    },
  };
}
