import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { bytesOf } from '../bytes-of.ts';

/** Where the shingles of a row stand: one after the other in a segment, a file that is never changed once it is there. */
export interface KeptShingles {
  /** One more than the segment's place in the list of them; 0 where nothing is kept. */
  segment: number;
  /** The number of the first, and how many there are. */
  from: number;
  size: number;
  /** CRC-32 of their bytes. */
  check: number;
}

/** A segment, as a list of them names it. */
export interface SegmentName {
  file: string;
  /** How many shingles it has. */
  length: number;
}

/** Segments that are read. */
export interface Segments {
  readonly list: readonly SegmentName[];
  /** Fills an array with what stands from a number on, as much as there is. */
  read(segment: number, from: number, into: Uint32Array): void;
  /** Those of one row; null where they are not what was written. */
  of(kept: KeptShingles): Uint32Array | null;
  close(): void;
}

/** None of them. */
export const noSegments: Segments = { list: [], read: () => undefined, of: () => null, close: () => undefined };

const bytesEach = Uint32Array.BYTES_PER_ELEMENT;
/** How many are written at once. */
const chunkLength = 2 ** 18;

/** What tells whether shingles that stand among other numbers are what was written. */
export function checkOf(numbers: Uint32Array, from: number, to: number): number {
  return crc32(bytesOf(numbers, from, to));
}

/** Opens segments; null where one is not there, or shorter than it was. */
export function openSegments(list: readonly SegmentName[], pathOf: (file: string) => string): Segments | null {
  const files: number[] = [];
  const close = (): void => {
    for (const file of files.splice(0)) closeSync(file);
  };
  try {
    for (const { file, length } of list) {
      const opened = openSync(pathOf(file), 'r');
      files.push(opened);
      if (fstatSync(opened).size < length * bytesEach) throw new Error('a segment is shorter than it was');
    }
  } catch {
    close();
    return null;
  }

  function read(segment: number, from: number, into: Uint32Array): void {
    const file = files[segment - 1];
    if (file === undefined) return;
    const bytes = bytesOf(into);
    for (let done = 0; done < bytes.length; ) {
      const some = readSync(file, bytes, done, bytes.length - done, from * bytesEach + done);
      if (some === 0) return;
      done += some;
    }
  }

  return {
    list,
    read,
    of({ segment, from, size, check }) {
      const shingles = new Uint32Array(size);
      read(segment, from, shingles);
      return checkOf(shingles, 0, size) === check ? shingles : null;
    },
    close,
  };
}

export interface SegmentWriter {
  /** How many were added. */
  readonly length: number;
  /** Adds those of a row, which stand among other numbers, and says where they are. */
  add(numbers: Uint32Array, from: number, to: number): KeptShingles;
  close(): void;
}

/** Creates the segment that has that place in the list; the file must not be there yet. */
export function createSegment(path: string, place: number): SegmentWriter {
  const file = openSync(path, 'wx', 0o600);
  const chunk = new Uint32Array(chunkLength);
  let [filled, length] = [0, 0];

  function write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done);
  }

  function flush(): void {
    write(bytesOf(chunk, 0, filled));
    filled = 0;
  }

  return {
    get length() {
      return length;
    },
    add(numbers, from, to) {
      const size = to - from;
      if (filled + size > chunk.length) flush();
      if (size > chunk.length) write(bytesOf(numbers, from, to));
      else {
        chunk.set(numbers.subarray(from, to), filled);
        filled += size;
      }
      length += size;
      return { segment: place + 1, from: length - size, size, check: checkOf(numbers, from, to) };
    },
    close() {
      flush();
      closeSync(file);
    },
  };
}
