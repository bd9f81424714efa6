import { createByteSpool } from './byte-spool.ts';
import { bytesOf } from './bytes-of.ts';
import { createHeadSpool } from './head-spool.ts';
import type { Span } from './near/documents.ts';
import { type Head, headLength } from './near/head.ts';
import { type Block, keptThreshold } from './rows/block.ts';
import { type KeptShingles, type Segments, checkOf } from './rows/segments.ts';
import { createPlaces } from './shingle-places.ts';

/** Shingles of documents on the disk while a build runs, by the documents' numbers. */
export interface ShingleSpool {
  /** Adds those of the next document, which stand among other numbers. */
  add(numbers: Uint32Array, from: number, to: number): void;
  /** Adds those of so many documents, which are kept: as many rows of a block one after the other. */
  addAll(block: Block, row: number, length: number): void;
  of(document: number): Uint32Array;
  /** A reader for going through documents in ascending order; what it gives is good until it is asked again. */
  inOrder(): (document: number) => Span;
  /** The same of the first ones, for going through all documents; null for another threshold than the spool is for. */
  headsInOrder(threshold: number): ((document: number) => Head) | null;
  close(): void;
}

/** Where those are that are kept. */
export interface KeptSource {
  segments: Pick<Segments, 'read' | 'of'>;
  /** Makes those of a document once more, where what is kept was damaged. */
  again(document: number): Uint32Array;
  /** For so many documents there is room at once. */
  expected?: number | undefined;
}

const bytesEach = Uint32Array.BYTES_PER_ELEMENT;
/** How many are read at once by whoever goes through them. */
const windowLength = 2 ** 15;

/** Opens a new spool for documents that are compared at a threshold; the file, and one beside it, must not be there yet. */
export function createShingleSpool(path: string, threshold: number, kept: KeptSource): ShingleSpool {
  const { segments, again, expected } = kept;
  const spool = createByteSpool(path);
  const heads = createHeadSpool(`${path}.heads`);
  const places = createPlaces(expected);
  const reader = inOrder();
  let spooled = 0;

  function readFrom(segment: number, from: number, into: Uint32Array): void {
    if (segment > 0) segments.read(segment, from, into);
    else spool.read(bytesOf(into), from * bytesEach);
  }

  function of(document: number): Uint32Array {
    const place = places.of(document);
    if (place.segment > 0) return segments.of(place) ?? again(document);
    const shingles = new Uint32Array(place.size);
    readFrom(0, place.from, shingles);
    return shingles;
  }

  function inOrder(): (document: number) => Span {
    const spanOf = createWindow(readFrom);
    return (document) => {
      const place = places.of(document);
      const span = spanOf(place);
      if (place.segment === 0 || checkOf(span.numbers, span.from, span.to) === place.check) return span;
      return { numbers: again(document), from: 0, to: place.size };
    };
  }

  /** As many as a head of the spool's threshold has. */
  const headOf = (size: number): number => headLength(size, threshold);

  function addHeads(block: Block, row: number, length: number): void {
    if (threshold === keptThreshold) {
      heads.add(block.words, block.headAt(row), block.headAt(row + length));
      return;
    }
    const first = places.count() - length;
    for (let next = 0; next < length; next += 1) {
      const { numbers, from } =
        threshold > keptThreshold ? { numbers: block.words, from: block.headAt(row + next) } : reader(first + next);
      heads.add(numbers, from, from + headOf(block.lengths[row + next] as number));
    }
  }

  return {
    add(numbers, from, to) {
      const size = to - from;
      spool.add(bytesOf(numbers, from, to));
      places.add(spooled, size);
      spooled += size;
      heads.add(numbers, from, from + headOf(size));
    },
    addAll(block, row, length) {
      places.addAll(block, row, length);
      addHeads(block, row, length);
    },
    of,
    inOrder,
    headsInOrder: (asked) => (asked === threshold ? heads.inOrder(places.sizeOf, headOf) : null),
    close() {
      spool.close();
      heads.close();
    },
  };
}

type ReadFrom = (segment: number, from: number, into: Uint32Array) => void;

/** Reads many at once for whoever goes through them; what it gives is good until it is asked again. */
function createWindow(readFrom: ReadFrom): (place: KeptShingles) => Span {
  const span = { numbers: new Uint32Array(windowLength), from: 0, to: 0 };
  /** Of which segment the numbers in the window are, and of all there those from `start` to before `end`. */
  let [windowOf, start, end] = [-1, 0, 0];
  return ({ segment, from, size }) => {
    if (segment !== windowOf || from < start || from + size > end) {
      if (size > span.numbers.length) span.numbers = new Uint32Array(size);
      readFrom(segment, from, span.numbers);
      [windowOf, start, end] = [segment, from, from + span.numbers.length];
    }
    span.from = from - start;
    span.to = span.from + size;
    return span;
  };
}
