import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { isErrno } from '../../core/errors.ts';

/** One record. */
export interface CacheRecord {
  /** Number of the row's kind. */
  kind: number;
  id: string;
  /** 16 bytes, as latin1. */
  key: string;
  body: Buffer;
}

export interface RecordFile {
  add(record: CacheRecord): void;
  close(): void;
}

export interface OpenRecordFile {
  /** The next record; null at the end, or from where the file is damaged. */
  next(): CacheRecord | null;
  close(): void;
}

const chunk = 2 ** 20;
/** Length of the record, CRC-32 of what follows, kind, length of the id. */
const headBytes = 4 + 4 + 1 + 2;
const summedFrom = 8;
const keyBytes = 16;

/** Creates a file of records; it must not be there yet. */
export function createRecordFile(path: string): RecordFile {
  const file = openSync(path, 'wx', 0o600);
  let buffer = Buffer.allocUnsafe(chunk);
  let filled = 0;

  function flush(): void {
    for (let done = 0; done < filled; ) done += writeSync(file, buffer, done, filled - done);
    filled = 0;
  }

  return {
    add({ kind, id, key, body }) {
      const length = headBytes + id.length + keyBytes + body.length;
      if (filled + length > buffer.length) flush();
      if (length > buffer.length) buffer = Buffer.allocUnsafe(length);
      const start = filled;
      filled = buffer.writeUInt32LE(length, filled);
      filled += 4;
      filled = buffer.writeUInt8(kind, filled);
      filled = buffer.writeUInt16LE(id.length, filled);
      filled += buffer.write(id, filled, 'latin1');
      filled += buffer.write(key, filled, 'latin1');
      filled += body.copy(buffer, filled);
      buffer.writeUInt32LE(crc32(buffer.subarray(start + summedFrom, filled)), start + 4);
    },
    close() {
      flush();
      closeSync(file);
    },
  };
}

/** Opens a file of records; one that is not there has none. */
export function openRecordFile(path: string): OpenRecordFile {
  const file = openExisting(path);
  let buffer = Buffer.alloc(0);
  let at = 0;
  let ended = file === null;

  /** Whether so many bytes stand in the buffer from `at` on. */
  function has(bytes: number): boolean {
    while (buffer.length - at < bytes && !ended) {
      const more = Buffer.allocUnsafe(Math.max(chunk, bytes));
      const count = file === null ? 0 : readSync(file, more);
      ended = count === 0;
      buffer = Buffer.concat([buffer.subarray(at), more.subarray(0, count)]);
      at = 0;
    }
    return buffer.length - at >= bytes;
  }

  return {
    next() {
      if (!has(headBytes)) return null;
      const length = buffer.readUInt32LE(at);
      const idLength = buffer.readUInt16LE(at + 9);
      const idAt = headBytes + idLength;
      if (length < idAt + keyBytes || !has(length)) return null;
      const start = at;
      if (crc32(buffer.subarray(start + summedFrom, start + length)) !== buffer.readUInt32LE(start + 4)) return null;
      at += length;
      return {
        kind: buffer.readUInt8(start + 8),
        id: buffer.toString('latin1', start + headBytes, start + idAt),
        key: buffer.toString('latin1', start + idAt, start + idAt + keyBytes),
        body: buffer.subarray(start + idAt + keyBytes, start + length),
      };
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
