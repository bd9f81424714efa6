import { open, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Quotes } from '../core/quotes.ts';
import { isErrno } from '../core/errors.ts';

const windowBytes = 4 * 2 ** 20;
const dash = 0x2d;
/** Logs, event logs, job files and results, and what a rotation made of them. */
const textFile = /\.(log|jsonl?|txt|err|out)(\.\d+)?$/;

/**
 * Puts dashes in place of what text files in a folder quote, where it stands: no byte moves, so that offsets into event logs
 * hold, and whoever appends at the same time loses nothing. Gives the files that were changed; with `look` nothing is.
 */
export async function scrubFolder(folder: string, quotes: Quotes, look = false): Promise<string[]> {
  if (quotes.needles.length === 0) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  const changed: string[] = [];
  for (const entry of entries) {
    if (!entry.isFile() || !textFile.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    if (await scrubFile(path, quotes.needles, look)) changed.push(path);
  }
  return changed.sort();
}

/** Whether a file holds one of these texts, byte for byte. False when it is not there. */
export function fileHolds(path: string, texts: readonly string[]): Promise<boolean> {
  return scrubFile(path, texts, true);
}

async function scrubFile(path: string, needles: readonly string[], look: boolean): Promise<boolean> {
  if (needles.length === 0) return false;
  const file = await open(path, look ? 'r' : 'r+').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  });
  if (!file) return false;
  try {
    const bytes = needles.map((needle) => Buffer.from(needle));
    const overlap = Math.max(...bytes.map(({ length }) => length)) - 1;
    let found = false;
    for (let at = 0; ; at += windowBytes) {
      const window = await readAt(file, at, windowBytes + overlap);
      for (const needle of bytes) found = (await blank(file, window, at, needle, look)) || found;
      if (window.length < windowBytes + overlap) break;
    }
    if (found && !look) await file.sync();
    return found;
  } finally {
    await file.close();
  }
}

async function blank(file: FileHandle, window: Buffer, at: number, needle: Buffer, look: boolean): Promise<boolean> {
  let found = false;
  for (let place = window.indexOf(needle); place >= 0; place = window.indexOf(needle, place + needle.length)) {
    found = true;
    if (look) break;
    window.fill(dash, place, place + needle.length);
    await file.write(Buffer.alloc(needle.length, dash), 0, needle.length, at + place);
  }
  return found;
}

async function readAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const window = Buffer.alloc(length);
  const { bytesRead } = await file.read(window, 0, length, at);
  return window.subarray(0, bytesRead);
}
