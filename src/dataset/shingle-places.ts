import type { Block } from './rows/block.ts';
import type { KeptShingles } from './rows/segments.ts';
import { withRoom } from './with-room.ts';

/** Where the shingles of documents stand, by the documents' numbers. */
export interface ShinglePlaces {
  /** Adds the next document's, which are spooled. */
  add(from: number, size: number): void;
  /** Adds those of so many documents, which are kept: as many rows of a block one after the other. */
  addAll(block: Pick<Block, 'segments' | 'froms' | 'lengths' | 'checks'>, row: number, length: number): void;
  /** Of a spooled one the segment is 0. What comes back is written over by the next call. */
  of(document: number): KeptShingles;
  sizeOf(document: number): number;
  count(): number;
}

const firstRoom = 1024;

/** Creates an empty list with room for so many, of 17 bytes for a document. */
export function createPlaces(expected = firstRoom): ShinglePlaces {
  let room = Math.max(firstRoom, expected);
  let count = 0;
  let segments = new Uint8Array(room);
  let froms = new Float64Array(room);
  let [sizes, checks] = [new Uint32Array(room), new Uint32Array(room)];
  const place = { segment: 0, from: 0, size: 0, check: 0 };

  function makeRoom(more: number): void {
    if (count + more <= room) return;
    room = Math.max(room * 2, count + more);
    segments = withRoom(segments, room);
    froms = withRoom(froms, room);
    sizes = withRoom(sizes, room);
    checks = withRoom(checks, room);
  }

  return {
    add(from, size) {
      makeRoom(1);
      froms[count] = from;
      sizes[count] = size;
      count += 1;
    },
    addAll(block, row, length) {
      makeRoom(length);
      segments.set(block.segments.subarray(row, row + length), count);
      froms.set(block.froms.subarray(row, row + length), count);
      sizes.set(block.lengths.subarray(row, row + length), count);
      checks.set(block.checks.subarray(row, row + length), count);
      count += length;
    },
    of(document) {
      place.segment = segments[document] as number;
      place.from = froms[document] as number;
      place.size = sizes[document] as number;
      place.check = checks[document] as number;
      return place;
    },
    sizeOf: (document) => sizes[document] as number,
    count: () => count,
  };
}
