import { bandCount } from './near/signature.ts';

/** The bands of documents by their number: all that is kept of them for finding candidates. */
export interface BandTable {
  /** Adds the bands of the next document. */
  add(bands: Uint32Array): void;
  /** `bandCount` values a document. */
  readonly bands: Uint32Array;
  /** Forgets all but these documents, given in ascending order, which are numbered anew. */
  keepOnly(documents: Iterable<number>): void;
}

const firstRoom = 1024;

/** Creates an empty table. */
export function createBandTable(): BandTable {
  let table = new Uint32Array(firstRoom * bandCount);
  let count = 0;
  return {
    add(bands) {
      if ((count + 1) * bandCount > table.length) {
        const larger = new Uint32Array(table.length * 2);
        larger.set(table);
        table = larger;
      }
      table.set(bands, count * bandCount);
      count += 1;
    },
    get bands() {
      return table.subarray(0, count * bandCount);
    },
    keepOnly(documents) {
      count = 0;
      for (const document of documents) {
        table.copyWithin(count * bandCount, document * bandCount, (document + 1) * bandCount);
        count += 1;
      }
    },
  };
}
