import { crc32 } from 'node:zlib';
import { RatchetError } from '../../../core/errors.ts';
import type { Parameter, Statement } from '../../database.ts';
import type { BatchStatement } from '../protocol.ts';
import { createTexts, numberTexts } from '../texts.ts';

// A record of the journal is one batch: its length, a checksum, its number, and the statements as JSON. Texts of
// statements are written once for each file and named by a number afterwards.

/** A batch as it is read back. */
export interface ReadRecord {
  number: number;
  statements: BatchStatement[];
}

const headBytes = 16;
/** A larger batch goes into the tables at once. */
const largestPayload = 256 * 1024;
const mostBytesOfUnit = 3;

/** Turns batches into records of one file. */
export interface RecordWriter {
  /** The record's bytes, which the next call overwrites; null for a batch that is too large, or holds bytes. */
  encode(number: number, statements: readonly Statement[]): Buffer | null;
  /** What was encoded is not in the file, or will not be any more: texts are written again. */
  forget(): void;
}

const room = Buffer.allocUnsafeSlow(headBytes + largestPayload * mostBytesOfUnit);

/** Creates the writer of a file that is empty. */
export function createRecordWriter(): RecordWriter {
  let textOf = numberTexts();

  return {
    encode(number, statements) {
      const written: BatchStatement[] = [];
      for (const { sql, parameters, expect } of statements) {
        if (!parameters.every(isWritable)) return null;
        written.push([textOf(sql), parameters, expect?.rows ?? -1]);
      }
      const payload = JSON.stringify(written);
      if (payload.length > largestPayload) return null;
      const length = room.write(payload, headBytes);
      const record = room.subarray(0, headBytes + length);
      record.writeUInt32LE(length, 0);
      record.writeDoubleLE(number, 8);
      record.writeUInt32LE(crc32(record.subarray(8)), 4);
      return record;
    },
    forget: () => (textOf = numberTexts()),
  };
}

/** The records of a file, as far as they are whole and follow each other; `withTexts` puts their texts in. */
export function readRecords(bytes: Buffer, withTexts = createTexts()): ReadRecord[] {
  const records: ReadRecord[] = [];
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const end = at + headBytes + bytes.readUInt32LE(at);
    const number = bytes.readDoubleLE(at + 8);
    const last = records.at(-1);
    // What comes after the last record is of an earlier time, or nothing.
    if (end > bytes.length || (last && number !== last.number + 1)) break;
    if (bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + 8, end))) break;
    const written = JSON.parse(bytes.toString('utf8', at + headBytes, end)) as BatchStatement[];
    records.push({ number, statements: withTexts(written) });
    at = end;
  }
  return records;
}

/** A batch as it is written; one that the tables have already, or have no place for any more, is a Conflict. */
export function toStatements({ statements }: ReadRecord): Statement[] {
  return statements.map(([text, parameters, rows]) => ({
    sql: String(text),
    parameters,
    ...(rows >= 0 && { expect: { rows, error: known } }),
  }));
}

function known(): RatchetError {
  return new RatchetError('Conflict', 'This batch of the journal came into the tables before.');
}

function isWritable(parameter: Parameter): boolean {
  return parameter === null || typeof parameter === 'string' || Number.isFinite(parameter);
}
