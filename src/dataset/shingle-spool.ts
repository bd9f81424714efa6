import { createByteSpool } from './byte-spool.ts';
import { createHeadSpool } from './head-spool.ts';
import type { Span } from './near/documents.ts';
import type { Head } from './near/head.ts';

/** Shingles of documents on the disk while a build runs, by the documents' numbers. */
export interface ShingleSpool {
  /** Adds those of the next document, which stand among other numbers. */
  add(numbers: Uint32Array, from: number, to: number): void;
  /** Adds those of so many documents, which stand one after the other among other numbers; `placeOf` says where each begins. */
  addAll(numbers: Uint32Array, documents: number, placeOf: (document: number) => number): void;
  of(document: number): Uint32Array;
  /** A reader for going through documents in ascending order; what it gives is good until it is asked again. */
  inOrder(): (document: number) => Span;
  /** The same of the first ones, for going through all documents; null for another threshold than the spool is for. */
  headsInOrder(threshold: number): ((document: number) => Head) | null;
  close(): void;
}

const bytesEach = Uint32Array.BYTES_PER_ELEMENT;
/** How many are read at once by whoever goes through them. */
const windowLength = 2 ** 15;

/** Opens a new spool for documents that are compared at a threshold; the file, and one beside it, must not be there yet. */
export function createShingleSpool(path: string, threshold: number): ShingleSpool {
  const spool = createByteSpool(path);
  const heads = createHeadSpool(`${path}.heads`, threshold);
  const read = (into: Uint32Array, from: number): void =>
    spool.read(new Uint8Array(into.buffer, into.byteOffset, into.byteLength), from * bytesEach);

  const bytesOf = (numbers: Uint32Array, from: number, to: number): Uint8Array =>
    new Uint8Array(numbers.buffer, numbers.byteOffset + from * bytesEach, (to - from) * bytesEach);

  return {
    add(numbers, from, to) {
      spool.add(bytesOf(numbers, from, to));
      heads.add(numbers, from, to);
    },
    addAll(numbers, documents, placeOf) {
      const from = placeOf(0);
      spool.addAll(
        bytesOf(numbers, from, placeOf(documents)),
        documents,
        (document) => (placeOf(document + 1) - from) * bytesEach,
      );
      for (let document = 0; document < documents; document += 1)
        heads.add(numbers, placeOf(document), placeOf(document + 1));
    },
    of(document) {
      const from = spool.startOf(document) / bytesEach;
      const shingles = new Uint32Array(spool.startOf(document + 1) / bytesEach - from);
      read(shingles, from);
      return shingles;
    },
    inOrder() {
      const span = { numbers: new Uint32Array(windowLength), from: 0, to: 0 };
      let [start, end] = [0, 0];
      return (document) => {
        const from = spool.startOf(document) / bytesEach;
        const to = spool.startOf(document + 1) / bytesEach;
        if (from < start || to > end) {
          if (to - from > span.numbers.length) span.numbers = new Uint32Array(to - from);
          read(span.numbers, from);
          start = from;
          end = from + span.numbers.length;
        }
        span.from = from - start;
        span.to = to - start;
        return span;
      };
    },
    headsInOrder: (asked) => (asked === threshold ? heads.inOrder() : null),
    close() {
      spool.close();
      heads.close();
    },
  };
}
