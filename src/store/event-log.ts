import { mkdir, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CycleEvent } from '../core/cycle.ts';
import { RatchetError, isErrno } from '../core/errors.ts';
import { isUuid } from './ids.ts';

const newline = 0x0a;

export interface LoggedEvent {
  /** Byte offset after the event's line: read on from here. */
  id: number;
  event: CycleEvent;
}

/** Appends one event to `<dataDir>/cycles/<cycleId>/events.jsonl`. Several processes may append at once. */
export async function appendEvent(dataDir: string, cycleId: string, event: CycleEvent): Promise<void> {
  const path = logPath(dataDir, cycleId);
  const file = await openForAppend(path);
  try {
    const line = `${JSON.stringify(event)}\n`;
    // A writer that was killed may have left half a line: end it, so that only that one is lost.
    await file.write((await endsInLine(file)) ? line : `\n${line}`);
  } finally {
    await file.close();
  }
}

/** The events after the id `from` (0 for all), oldest first. Half-written lines are left out. */
export async function readEvents(dataDir: string, cycleId: string, from: number): Promise<LoggedEvent[]> {
  if (!Number.isSafeInteger(from) || from < 0) {
    throw new RatchetError('InvalidInput', `An event id is a whole number of at least 0, and ${from} is not.`);
  }
  const file = await open(logPath(dataDir, cycleId), 'r').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  });
  if (!file) return [];
  try {
    // One byte earlier: whether it is a line's end tells if `from` is really an event's id.
    const start = Math.max(0, from - 1);
    return parseLines(await readFrom(file, start), start).filter((entry) => entry.id > from);
  } finally {
    await file.close();
  }
}

function parseLines(bytes: Buffer, start: number): LoggedEvent[] {
  const events: LoggedEvent[] = [];
  let at = start === 0 ? 0 : bytes.indexOf(newline) + 1;
  if (start > 0 && at === 0) return events;
  for (let end = bytes.indexOf(newline, at); end >= 0; at = end + 1, end = bytes.indexOf(newline, at)) {
    const event = parseEvent(bytes.toString('utf8', at, end));
    if (event) events.push({ id: start + end + 1, event });
  }
  return events;
}

function parseEvent(line: string): CycleEvent | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'kind' in value ? (value as CycleEvent) : null;
  } catch {
    return null;
  }
}

async function readFrom(file: FileHandle, start: number): Promise<Buffer> {
  const { size } = await file.stat();
  if (size <= start) return Buffer.alloc(0);
  const bytes = Buffer.alloc(size - start);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
  return bytes.subarray(0, bytesRead);
}

async function endsInLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return true;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === newline;
}

async function openForAppend(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a+', 0o600);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return await open(path, 'a+', 0o600);
  }
}

function logPath(dataDir: string, cycleId: string): string {
  if (!isUuid(cycleId)) {
    throw new RatchetError('InvalidInput', `"${cycleId}" is not a cycle's id: use one that "ratchet cycles" lists.`);
  }
  return join(dataDir, 'cycles', cycleId, 'events.jsonl');
}
