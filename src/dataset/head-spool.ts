import { createByteSpool } from './byte-spool.ts';
import { bytesOf } from './bytes-of.ts';
import type { Head } from './near/head.ts';

/** The first shingles of documents on the disk while a build runs: what most are looked at for, and a fifth of all. */
export interface HeadSpool {
  /** Adds those of the next document, or of the next few, which stand among other numbers. */
  add(numbers: Uint32Array, from: number, to: number): void;
  /**
   * A reader that gives them one after the other, from the first document on; what it gives is good until it is asked again. How many
   * shingles a document has, and how many of so many are its first ones, is said by these.
   */
  inOrder(sizeOf: (document: number) => number, lengthOf: (size: number) => number): (document: number) => Head;
  close(): void;
}

const bytesEach = Uint32Array.BYTES_PER_ELEMENT;
/** How many numbers are read at once. */
const windowLength = 2 ** 15;

/** Opens a new spool; the file must not be there yet. */
export function createHeadSpool(path: string): HeadSpool {
  const spool = createByteSpool(path);
  return {
    add: (numbers, from, to) => spool.add(bytesOf(numbers, from, to)),
    inOrder(sizeOf, lengthOf) {
      const head = { numbers: new Uint32Array(windowLength), from: 0, to: 0, size: 0 };
      /** Of all numbers, those from `start` to before `end` stand in the window. */
      let [start, end, next] = [0, 0, 0];
      return (document) => {
        head.size = sizeOf(document);
        const length = lengthOf(head.size);
        if (next + length > end) {
          if (length > head.numbers.length) head.numbers = new Uint32Array(length);
          spool.read(bytesOf(head.numbers), next * bytesEach);
          start = next;
          end = next + head.numbers.length;
        }
        head.from = next - start;
        head.to = head.from + length;
        next += length;
        return head;
      };
    },
    close: spool.close,
  };
}
