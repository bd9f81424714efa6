import { bandCount } from './near/signature.ts';
import { withRoom } from './with-room.ts';

/** The bands of documents by their number: all that is kept of them for finding candidates. */
export interface BandTable {
  /** Adds the bands of the next document, or of the next few, which stand among others from a place on. */
  add(words: Uint32Array, from: number, documents?: number): void;
  /** `bandCount` values a document. */
  readonly bands: Uint32Array;
}

const firstRoom = 1024;

/** Creates an empty table with room for so many. */
export function createBandTable(expected = firstRoom): BandTable {
  let table = new Uint32Array(Math.max(firstRoom, expected) * bandCount);
  let count = 0;
  return {
    add(words, from, documents = 1) {
      const after = (count + documents) * bandCount;
      if (after > table.length) {
        table = withRoom(table, Math.max(table.length * 2, after));
      }
      table.set(words.subarray(from, from + documents * bandCount), count * bandCount);
      count += documents;
    },
    get bands() {
      return table.subarray(0, count * bandCount);
    },
  };
}
