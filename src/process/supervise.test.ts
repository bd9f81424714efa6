import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { groupRuns } from './group.ts';
import { startProcess } from './supervise.ts';
import type { ProcessSpec, Supervised } from './types.ts';

const program = fileURLToPath(new URL('fixtures/child.mjs', import.meta.url));
const owner = fileURLToPath(new URL('fixtures/owner.ts', import.meta.url));

let folder: string;
let started: Supervised[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-process-'));
  started = [];
});

afterEach(async () => {
  await Promise.all(started.map((child) => child.stop()));
  rmSync(folder, { recursive: true, force: true });
});

function start(habit: string[], spec: Partial<ProcessSpec> = {}) {
  const lines: string[] = [];
  const child = startProcess({
    command: process.execPath,
    args: [program, ...habit],
    logFile: join(folder, 'child.log'),
    onLine: (line) => lines.push(line),
    ...spec,
  });
  started.push(child);
  return { child, lines };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 25_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await sleep(10);
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

test('gives lines in order and the exit code', async () => {
  const { child, lines } = start(['say', 'one', 'two', 'drei ü']);
  expect(await child.exited).toMatchObject({ code: 0, signal: null });
  expect(lines).toEqual(['one', 'two', 'drei ü']);
});

test('hands on a last line without an end', async () => {
  const { child, lines } = start(['unended', 'last']);
  await child.exited;
  expect(lines).toEqual(['first', 'last']);
});

test('cuts a line that is far too long and keeps the next one whole', async () => {
  const { child, lines } = start(['long', String(5 * 1024 * 1024)]);
  await child.exited;
  expect(lines.map((line) => line.length)).toEqual([1024 * 1024, 5]);
});

test('appends standard error to the log and shows only its own part as the tail', async () => {
  await start(['complain', 'old news']).child.exited;
  const exit = await start(['complain', 'a', 'b']).child.exited;
  expect(exit.tail).toBe('a\nb');
  expect(readFileSync(join(folder, 'child.log'), 'utf8')).toBe('old news\na\nb\n');
});

test('logs standard output when nobody takes it', async () => {
  const child = startProcess({
    command: process.execPath,
    args: [program, 'say', 'hello'],
    logFile: join(folder, 'logs', 'child.log'),
  });
  expect((await child.exited).tail).toBe('hello');
});

test('survives a reader that throws, and says so in the log', async () => {
  const { child } = start(['say', 'one'], {
    onLine: () => {
      throw new Error('bad line');
    },
  });
  expect(await child.exited).toMatchObject({ code: 0, tail: expect.stringContaining('bad line') });
});

test('lets a child save what it has on SIGTERM', async () => {
  const { child, lines } = start(['polite']);
  await until(() => lines.includes('ready'), 'ready');
  expect(await child.stop()).toMatchObject({ code: 7, signal: null });
  expect(lines).toEqual(['ready', 'saved']);
});

test('kills a child that will not end, after the grace', async () => {
  // Long enough to say no on a busy machine.
  const graceMs = 2_000;
  const { child, lines } = start(['stubborn'], { graceMs });
  await until(() => lines.includes('ready'), 'ready');
  const begin = performance.now();
  expect(await child.stop()).toMatchObject({ code: null, signal: 'SIGKILL' });
  // A timer may come a millisecond early.
  expect(performance.now() - begin).toBeGreaterThanOrEqual(graceMs - 1);
  expect(lines).toContain('no');
});

test('stops grandchildren too, and stopping twice is one stop', async () => {
  const { child, lines } = start(['parent', 'stay'], { graceMs: 300 });
  await until(() => lines.length > 0, 'the grandchild');
  const [first, second] = await Promise.all([child.stop(), child.stop()]);
  expect(first).toBe(second);
  expect(runs(Number(lines[0]))).toBe(false);
  expect(groupRuns(child.pid)).toBe(false);
});

test('ends what a child leaves behind when it exits by itself', async () => {
  const { child, lines } = start(['parent', 'leave']);
  expect(await child.exited).toMatchObject({ code: 0 });
  expect(runs(Number(lines[0]))).toBe(false);
});

test('resolves although a grandchild holds the pipe', async () => {
  const { child, lines } = start(['holder'], { graceMs: 100 });
  expect(await child.exited).toMatchObject({ code: 3 });
  expect(runs(Number(lines[0]))).toBe(false);
});

test('stopping what has ended gives its exit', async () => {
  const { child } = start(['exit', '5']);
  const exit = await child.exited;
  expect(await child.stop()).toBe(exit);
  expect(exit.code).toBe(5);
});

test('gives exactly the environment that was asked for', async () => {
  const { child, lines } = start(['environment'], { env: { PATH: '/usr/bin:/bin', ONLY: 'this' } });
  await child.exited;
  expect(JSON.parse(lines[0] ?? '')).toEqual({ PATH: '/usr/bin:/bin', ONLY: 'this' });
});

test('names a program that is not there', () => {
  expect(() => start([], { command: 'no-such-program-of-ours' })).toThrowError(
    expect.objectContaining({ code: 'PartMissing', message: expect.stringContaining('no-such-program-of-ours') }),
  );
});

test('names a folder that is not there', () => {
  expect(() => start(['say'], { cwd: join(folder, 'nowhere') })).toThrowError(
    expect.objectContaining({ code: 'NotFound', message: expect.stringContaining('nowhere') }),
  );
});

function startOwner(habit: string[]) {
  const ownerProcess = spawn(process.execPath, [owner, join(folder, 'owned.log'), ...habit], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: ownerProcess.stdout }).on('line', (line) => lines.push(line));
  const left = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    // Not at its exit: what it said last may not have been read by then.
    ownerProcess.once('close', (code, signal) => resolve({ code, signal }));
  });
  return { ownerProcess, lines, left };
}

test.each(['SIGINT', 'SIGTERM'] as const)('children end with us on %s, by the ladder', async (signal) => {
  const { ownerProcess, lines, left } = startOwner(['polite']);
  await until(() => lines.some((line) => line.endsWith('ready')), 'ready');
  ownerProcess.kill(signal);
  expect(await left).toEqual({ code: null, signal });
  expect(runs(Number(lines[0]?.split(' ')[0]))).toBe(false);
  expect(lines.at(-1)).toMatch(/saved$/);
});

test('the lifeline ends a child when we are killed', async () => {
  const note = join(folder, 'note');
  const { ownerProcess, lines, left } = startOwner(['lifeline', note]);
  await until(() => lines.some((line) => line.endsWith('ready')), 'ready');
  ownerProcess.kill('SIGKILL');
  await left;
  await until(() => existsSync(note), 'the note');
  await until(() => !runs(Number(lines[0]?.split(' ')[0])), 'the end of the child');
});
