import { openSync, readSync } from 'node:fs';
import type { BatchStatement, RecordRange } from '../protocol.ts';
import { createTexts } from '../texts.ts';
import { readRecords } from './records.ts';

interface OpenFile {
  file: number;
  withTexts: (statements: BatchStatement[]) => BatchStatement[];
}

/**
 * Reads records of this process's journal, so that they need not be sent from thread to thread. It has to see all of a
 * file in order, since their texts are written once.
 */
export function createRangeReader(): (range: RecordRange) => BatchStatement[] {
  const files = new Map<string, OpenFile>();
  return ([path, from, to, count]) => {
    const { file, withTexts } = files.get(path) ?? { file: openSync(path, 'r'), withTexts: createTexts() };
    files.set(path, { file, withTexts });
    const bytes = Buffer.allocUnsafe(to - from);
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(file, bytes, done, bytes.length - done, from + done);
      if (read === 0) break;
      done += read;
    }
    const records = readRecords(bytes, withTexts);
    if (records.length !== count) throw new Error(`${path} is damaged`);
    return records.flatMap(({ statements }) => statements);
  };
}
