import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { isErrno } from '../../core/errors.ts';
import { type Block, type BlockRow, blockLength, decodeBlock, encodeBlock, fullBlock, headBytes } from './block.ts';

export interface BlockFile {
  add(row: BlockRow): void;
  /**
   * Adds rows one after the other from one on, as they stand in a block of another file; a block of which all rows come so is taken as
   * it is.
   */
  addFrom(block: Block, row: number, length: number): void;
  close(): void;
}

export interface OpenBlockFile {
  /** What names these rows; null where there are none. */
  readonly name: string | null;
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

/** A file begins with its name, of 36 characters. */
const nameBytes = 40;
const mostWaiting = 2 ** 21;
/** Pieces of memory that are held for blocks to come. */
const mostFree = 8;
/** A smaller block is not taken as it is, so that blocks do not become ever smaller. */
const worthKeeping = fullBlock / 2;

/** Creates a file of rows; it must not be there yet. */
export function createBlockFile(path: string, name: string, { hold, unhold }: Holding): BlockFile {
  const file = openSync(path, 'wx', 0o600);
  const waiting = Buffer.allocUnsafeSlow(mostWaiting);
  let waitingBytes = waiting.write(name.padEnd(nameBytes));
  let rows: BlockRow[] = [];
  /** Rows of a block that came one after the other from its first on. */
  let run: { block: Block; rows: number } | null = null;

  function write(bytes: Uint8Array, length: number): void {
    for (let done = 0; done < length; ) done += writeSync(file, bytes, done, length - done);
  }

  function flush(): void {
    write(waiting, waitingBytes);
    waitingBytes = 0;
  }

  function addBytes(bytes: Uint8Array): void {
    if (waitingBytes + bytes.length > waiting.length) flush();
    if (bytes.length > waiting.length) {
      write(bytes, bytes.length);
      return;
    }
    waiting.set(bytes, waitingBytes);
    waitingBytes += bytes.length;
  }

  function endBlock(): void {
    if (rows.length > 0) addBytes(encodeBlock(rows));
    rows = [];
  }

  function addRow(row: BlockRow): void {
    rows.push(row);
    if (rows.length === fullBlock) endBlock();
  }

  function endRun(): void {
    if (run === null) return;
    const { block, rows: count } = run;
    run = null;
    for (let row = 0; row < count; row += 1) addRow(block.row(row));
    unhold(block);
  }

  return {
    add(row) {
      endRun();
      addRow(row);
    },
    addFrom(block, row, length) {
      if (run !== null && (run.block !== block || run.rows !== row)) endRun();
      if (run === null && (row > 0 || block.rows < worthKeeping)) {
        for (let at = 0; at < length; at += 1) addRow(block.row(row + at));
        return;
      }
      if (run === null) hold(block);
      run = { block, rows: row + length };
      if (run.rows < block.rows) return;
      run = null;
      endBlock();
      addBytes(block.bytes);
      unhold(block);
    },
    close() {
      endRun();
      endBlock();
      flush();
      closeSync(file);
    },
  };
}

/** Opens a file of rows; one that is not there has none. */
export function openBlockFile(path: string): OpenBlockFile {
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

  const named = Buffer.alloc(nameBytes);
  const name = fill(named, 0) ? named.toString('latin1').trimEnd() : null;
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

function openExisting(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}
