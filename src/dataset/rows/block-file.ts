import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { isErrno } from '../../core/errors.ts';
import {
  type Block,
  type BlockRow,
  type KeptNear,
  type ToldResult,
  blockLength,
  decodeBlock,
  encodeBlock,
  fullBlock,
  headBytes,
  keptNear,
} from './block.ts';
import { type SegmentName, type Segments, type SegmentWriter, noSegments, openSegments } from './segments.ts';
import { untold } from './told-result.ts';
import type { NearKeys } from './types.ts';

/** A row of which something was said just now. */
export type NewRow = ToldResult & Pick<BlockRow, 'kind' | 'id' | 'contentKey'>;

export interface BlockFile {
  add(row: NewRow): void;
  /**
   * Adds rows one after the other from one on, as they stand in a block of another file; a block of which all rows come so is taken as
   * it is.
   */
  addFrom(block: Block, row: number, length: number): void;
  /** Ends the file; `segments` are those that its rows name, and the new one. */
  close(segments: readonly SegmentName[]): void;
}

export interface OpenBlockFile {
  /** What names these rows; null where there are none. */
  readonly name: string | null;
  /** Where their shingles stand. Whoever opened the file closes them. */
  readonly segments: Segments;
  /** How many rows there are, and how many shingles in segments are theirs. */
  readonly rows: number;
  readonly shingles: number;
  /** The next rows; null at the end, or from where the file is damaged. */
  next(): Block | null;
  /** Lets a block go that nobody looks at any more: its memory is that of a later one. */
  letGo(block: Block): void;
  close(): void;
}

/** Who looks at a block for longer says so. */
export interface Holding {
  hold(block: Block): void;
  unhold(block: Block): void;
}

/** What a file begins with, in so many bytes: a check sum, and JSON. */
interface Title extends Pick<OpenBlockFile, 'name' | 'rows' | 'shingles'> {
  segments: readonly SegmentName[];
}
const titleBytes = 2048;
const sumBytes = 4;
const untitled: Title = { name: null, rows: 0, shingles: 0, segments: [] };
const mostWaiting = 2 ** 21;
/** Pieces of memory that are held for blocks to come. */
const mostFree = 8;
/** A smaller block is not taken as it is, so that blocks do not become ever smaller. */
const worthKeeping = fullBlock / 2;

interface Creating {
  name: string;
  holding: Holding;
  /** To which shingles of new rows are added. */
  segment: SegmentWriter;
  /** From which all others are moved to it as well; null where they stay. */
  movedFrom: Segments | null;
}

/** Creates a file of rows; it must not be there yet. */
export function createBlockFile(path: string, { name, holding, segment, movedFrom }: Creating): BlockFile {
  const file = openSync(path, 'wx', 0o600);
  const { addBytes, flush } = createOut(file);
  let rows: BlockRow[] = [];
  /** Of all rows. */
  const counts = { rows: 0, shingles: 0 };
  /** Rows of a block that came one after the other from its first on. */
  let run: { block: Block; rows: number } | null = null;

  function endBlock(): void {
    if (rows.length > 0) addBytes(encodeBlock(rows));
    rows = [];
  }

  function addRow(row: BlockRow): void {
    rows.push(row);
    counts.rows += 1;
    counts.shingles += row.keys?.near?.shingles.size ?? 0;
    if (rows.length === fullBlock) endBlock();
  }

  function addKept(row: BlockRow): void {
    addRow(movedFrom === null ? row : moved(row, movedFrom, segment));
  }

  function endRun(): void {
    if (run === null) return;
    const { block, rows: count } = run;
    run = null;
    for (let row = 0; row < count; row += 1) addKept(block.row(row));
    holding.unhold(block);
  }

  return {
    add({ keys, ...row }) {
      endRun();
      const near = keys?.near && newNear(keys.near, segment);
      addRow({ ...row, keys: keys && { ...keys, near: near ?? null } });
    },
    addFrom(block, row, length) {
      if (run !== null && (run.block !== block || run.rows !== row)) endRun();
      if (run === null && (row > 0 || block.rows < worthKeeping || movedFrom !== null)) {
        for (let at = 0; at < length; at += 1) addKept(block.row(row + at));
        return;
      }
      if (run === null) holding.hold(block);
      run = { block, rows: row + length };
      if (run.rows < block.rows) return;
      run = null;
      endBlock();
      addBytes(block.bytes);
      counts.rows += block.rows;
      counts.shingles += block.shingles;
      holding.unhold(block);
    },
    close(segments) {
      endRun();
      endBlock();
      flush();
      writeSync(file, encodeTitle({ name, ...counts, segments }), 0, titleBytes, 0);
      closeSync(file);
    },
  };
}

/** Gathers what is written to a file, behind room for the title, which is known in the end. */
function createOut(file: number): { addBytes(bytes: Uint8Array): void; flush(): void } {
  const waiting = Buffer.allocUnsafeSlow(mostWaiting).fill(0, 0, titleBytes);
  let filled = titleBytes;

  function write(bytes: Uint8Array, length: number): void {
    for (let done = 0; done < length; ) done += writeSync(file, bytes, done, length - done);
  }

  function flush(): void {
    write(waiting, filled);
    filled = 0;
  }

  return {
    addBytes(bytes) {
      if (filled + bytes.length > waiting.length) flush();
      if (bytes.length > waiting.length) {
        write(bytes, bytes.length);
        return;
      }
      waiting.set(bytes, filled);
      filled += bytes.length;
    },
    flush,
  };
}

/** A new row's, whose shingles go to a segment. */
function newNear(near: NearKeys, segment: SegmentWriter): KeptNear {
  return keptNear(near, segment.add(near.words, near.shinglesFrom, near.shinglesTo));
}

/** The same row with its shingles in another segment; as one of which nothing is told where they are not what they were. */
function moved(row: BlockRow, from: Segments, to: SegmentWriter): BlockRow {
  if (!row.keys?.near) return row;
  const shingles = from.of(row.keys.near.shingles);
  if (shingles === null) return { ...row, ...untold };
  return { ...row, keys: { ...row.keys, near: { ...row.keys.near, shingles: to.add(shingles, 0, shingles.length) } } };
}

/** Opens a file of rows; one that is not there has none, as one whose segments are not all there. */
export function openBlockFile(path: string, segmentPath: (file: string) => string): OpenBlockFile {
  const file = openExisting(path);
  let left = file === null ? 0 : fstatSync(file).size;

  /** Fills a buffer with what comes next; false where there is not as much. */
  function fill(buffer: Buffer, from: number): boolean {
    if (file === null || buffer.length - from > left) return false;
    for (let done = from; done < buffer.length; ) {
      const count = readSync(file, buffer, done, buffer.length - done, null);
      if (count === 0) return false;
      done += count;
    }
    left -= buffer.length - from;
    return true;
  }

  const start = Buffer.alloc(titleBytes);
  const title = fill(start, 0) ? titleIn(start) : untitled;
  const segments = openSegments(title.segments, segmentPath);
  const { name, rows, shingles } = segments ? title : untitled;
  if (name === null) left = 0;
  const head = Buffer.alloc(headBytes);
  /** Memory of blocks that were let go. Each new piece would count towards the next collection of garbage. */
  const free: ArrayBuffer[] = [];

  /** Memory of its own for a block, so that its numbers are aligned. */
  function memoryOf(length: number): Buffer {
    const at = free.findIndex((one) => one.byteLength >= length);
    const [memory = new ArrayBuffer(length + length / 4)] = at < 0 ? [] : free.splice(at, 1);
    return Buffer.from(memory, 0, length);
  }

  return {
    name,
    segments: segments ?? noSegments,
    rows,
    shingles,
    next() {
      if (!fill(head, 0)) return null;
      const length = blockLength(head);
      if (length < headBytes || length - headBytes > left) return null;
      const bytes = memoryOf(length);
      head.copy(bytes);
      return fill(bytes, headBytes) ? decodeBlock(bytes) : null;
    },
    letGo({ bytes }) {
      if (free.length < mostFree) free.push(bytes.buffer as ArrayBuffer);
    },
    close() {
      if (file !== null) closeSync(file);
    },
  };
}

function encodeTitle(title: Title): Buffer {
  const bytes = Buffer.alloc(titleBytes, ' ');
  bytes.write(JSON.stringify(title), sumBytes);
  bytes.writeUInt32LE(crc32(bytes.subarray(sumBytes)));
  return bytes;
}

/** That of a file that is none where it is damaged. */
function titleIn(bytes: Buffer): Title {
  if (crc32(bytes.subarray(sumBytes)) !== bytes.readUInt32LE(0)) return untitled;
  return JSON.parse(bytes.toString('utf8', sumBytes)) as Title;
}

function openExisting(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
