import { readFileSync, statSync } from 'node:fs';
import { isErrno } from './core/errors.ts';

/** A small file as it is now. `error` is why it could not be read. */
export type FileLook = { bytes: Buffer } | { bytes: null } | { error: unknown };

export interface WatchedFile {
  /** What the file is now when that is new since the last call, else null. Looks no more often than it was told to. */
  news(): FileLook | null;
  /** Lets the next call of `news` look, however soon it comes. */
  expectNews(): void;
  /** Makes the next call of `news` give the file, changed or not. */
  forget(): void;
}

export interface WatchedFileOptions {
  file: string;
  /** Least time between two looks, in ms. */
  everyMs: number;
  /** A clock in ms that never goes back. */
  now?: () => number;
}

/** A file changed twice within this time, in ms, may keep its size and its time of change. */
const clockTickMs = 100;

/**
 * Notices changes of a small file without asking the operating system for events, which miss files that are renamed into
 * place. A look is one `stat`; the file is read only when its identity, size or times differ, or were so young when it was
 * read that a second change could not show in them.
 */
export function watchFile({ file, everyMs, now = () => performance.now() }: WatchedFileOptions): WatchedFile {
  let signature: string | null = null;
  let known: Buffer | null | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;

  function look(): FileLook | null {
    const found = signatureOf(file);
    if (known !== undefined && signature !== null && found.text === signature) return null;
    signature = found.isSettled ? found.text : null;
    const read = readNow(file);
    if ('error' in read) {
      known = undefined;
      return read;
    }
    if (known !== undefined && sameBytes(known, read.bytes)) return null;
    known = read.bytes;
    return read;
  }

  function expectNews(): void {
    lookedAt = Number.NEGATIVE_INFINITY;
    signature = null;
  }

  return {
    news() {
      const at = now();
      if (at - lookedAt < everyMs) return null;
      lookedAt = at;
      return look();
    },
    expectNews,
    forget() {
      expectNews();
      known = undefined;
    },
  };
}

function readNow(file: string): FileLook {
  try {
    return { bytes: readFileSync(file) };
  } catch (error) {
    return isErrno(error, 'ENOENT') ? { bytes: null } : { error };
  }
}

function signatureOf(file: string): { text: string; isSettled: boolean } {
  try {
    const found = statSync(file, { bigint: true, throwIfNoEntry: false });
    if (!found) return { text: 'none', isSettled: true };
    const text = [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ');
    return { text, isSettled: Math.abs(Date.now() - Number(found.ctimeMs)) > clockTickMs };
  } catch {
    return { text: '', isSettled: false };
  }
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b);
}
