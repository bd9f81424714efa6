import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

/** Longest text that {@link readTail} gives. */
export const tailBytes = 4096;

/** The end of a log from `offset` on, whole lines where there are any; empty when it cannot be read. */
export function readTail(file: string, offset = 0): string {
  try {
    const fd = openSync(file, 'r');
    try {
      return readEnd(fd, offset);
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}

/** The length of a file in bytes; 0 when there is none. */
export function lengthOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function readEnd(fd: number, offset: number): string {
  const { size } = fstatSync(fd);
  const start = Math.max(offset, size - tailBytes);
  const bytes = Buffer.alloc(Math.max(0, size - start));
  const read = readSync(fd, bytes, 0, bytes.length, start);
  const text = bytes.subarray(0, read).toString('utf8');
  const firstEnd = text.indexOf('\n');
  const cut = start > offset && firstEnd !== -1 ? text.slice(firstEnd + 1) : text;
  return cut.trimEnd();
}
