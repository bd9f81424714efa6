import { closeSync, fdatasync, openSync, writeSync } from 'node:fs';
import type { Statement } from '../../database.ts';
import { createRecordWriter } from './records.ts';

/**
 * One file of the journal. It has its full length from the start, so that a sync has nothing to write but what was
 * appended, and is begun again from its front.
 */
export interface JournalFile {
  readonly path: string;
  /** Where the next record goes, in bytes. */
  readonly end: number;
  /** Appends a batch: `full` when there is no room, `unfit` when the batch is none for a journal. Throws what the disk says. */
  append(number: number, statements: readonly Statement[]): 'done' | 'full' | 'unfit';
  /** Resolves when all that was appended survives the end of the machine. */
  sync(): Promise<void>;
  /** Begins again from the front. */
  rewind(): void;
  /** Begins again, and leaves nothing of what was appended since it was last wiped. */
  wipe(): void;
  close(): void;
}

/** In bytes. */
const fileBytes = 2 * 2 ** 20;

/** Makes a file of the journal, for its owner only. */
export function createJournalFile(path: string): JournalFile {
  const file = openSync(path, 'wx', 0o600);
  const records = createRecordWriter();
  let at = 0;
  /** How far it was ever written. */
  let dirty = fileBytes;

  function rewind(): void {
    at = 0;
    records.forget();
  }

  function wipe(): void {
    writeWhole(file, Buffer.alloc(dirty), 0);
    dirty = 0;
    rewind();
  }

  try {
    wipe();
  } catch (error) {
    closeSync(file);
    throw error;
  }
  return {
    path,
    get end() {
      return at;
    },
    append(number, statements) {
      const record = records.encode(number, statements);
      if (!record || at + record.length > fileBytes) {
        records.forget();
        return record ? 'full' : 'unfit';
      }
      try {
        writeWhole(file, record, at);
      } catch (error) {
        records.forget();
        throw error;
      } finally {
        dirty = Math.max(dirty, at + record.length);
      }
      at += record.length;
      return 'done';
    },
    sync: () =>
      new Promise((resolve, reject) => {
        fdatasync(file, (error) => (error ? reject(error) : resolve()));
      }),
    rewind,
    wipe,
    close: () => closeSync(file),
  };
}

function writeWhole(file: number, bytes: Buffer, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, at + done);
}
