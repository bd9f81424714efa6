import { mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isErrno } from '../../../core/errors.ts';
import { uuidv7 } from '../../ids.ts';
import { isBusy, resultCode } from '../result-code.ts';
import { type JournalFile, createJournalFile } from './file.ts';
import { type ReadRecord, readRecords } from './records.ts';

// The journals of all processes lie in one folder beside the database: two files each, and a lock that the system lifts
// when its process ends, however it does. The lock is one of SQLite's, since Node has none of its own.

const parts = ['0', '1'];

/** The two files of this process's journal. */
export interface OwnFiles {
  files: [JournalFile, JournalFile];
  /** Takes the journal away; all of it must be in the tables. */
  remove(): void;
}

/** Makes the files of a journal, whose full length is written now. */
export function createOwnFiles(folder: string): OwnFiles {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const name = uuidv7();
  const lock = takeLock(lockOf(folder, name));
  if (!lock) throw new Error('a new lock is taken already');
  const remove = (): void => removeAll(folder, name, lock);
  const made: JournalFile[] = [];
  try {
    const [first, second] = parts.map((part) => {
      const file = createJournalFile(partOf(folder, name, part));
      made.push(file);
      return file;
    });
    if (!first || !second) throw new Error('a journal has two files');
    return {
      files: [first, second],
      remove() {
        for (const file of made) file.close();
        remove();
      },
    };
  } catch (error) {
    for (const file of made) file.close();
    remove();
    throw error;
  }
}

/** A journal whose process has ended. */
export interface Orphan {
  /** Its batches in their order. */
  records: ReadRecord[];
  remove(): void;
  /** Leaves it to others. */
  leave(): void;
}

/** Takes over the journals of processes that have ended, one after the other. */
export function* orphans(folder: string): Generator<Orphan> {
  for (const file of namesIn(folder)) {
    if (!file.endsWith('.lock')) continue;
    const name = file.slice(0, -'.lock'.length);
    const lock = takeLock(join(folder, file));
    if (!lock) continue;
    const records = parts.flatMap((part) => readRecords(readPart(partOf(folder, name, part))));
    yield {
      records: records.sort((a, b) => a.number - b.number),
      remove: () => removeAll(folder, name, lock),
      leave: () => lock.close(),
    };
  }
}

/** Null while another process has it. */
function takeLock(path: string): DatabaseSync | null {
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    // Whoever took over what was here may have removed it just now.
    if (statSync(path, { throwIfNoEntry: false })) return lock;
  } catch (error) {
    if (!isBusy(resultCode(error))) throw error;
  }
  lock.close();
  return null;
}

/** The lock goes last: without it nobody finds the files. Who takes it over in between finds none. */
function removeAll(folder: string, name: string, lock: DatabaseSync): void {
  for (const part of parts) rmSync(partOf(folder, name, part), { force: true });
  lock.close();
  rmSync(lockOf(folder, name), { force: true });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function readPart(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return Buffer.alloc(0);
    throw error;
  }
}

function lockOf(folder: string, name: string): string {
  return join(folder, `${name}.lock`);
}

function partOf(folder: string, name: string, part: string): string {
  return join(folder, `${name}.${part}`);
}
