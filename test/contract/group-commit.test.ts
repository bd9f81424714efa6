import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isSync, readTrace, straceProblem, traced } from '../fixtures/strace.ts';
import { runChild } from './fixtures/child.ts';
import { installations } from './installation.ts';

const install = installations(async () => null);
const clients = 200;
const rounds = 10;
const chats = clients * rounds;
const problem = straceProblem();

interface Loops {
  commits: number;
  syncs: number;
}

/** Chats in closed loops, in a process of their own, run by another command when one is given. */
async function runLoops(parameters: readonly string[], wrap?: (command: readonly string[]) => [string, ...string[]]) {
  const child = runChild('chat-loops.ts', await install(), parameters, {
    // Nor is a lease renewed among them.
    leaseMs: 600_000,
    ...(wrap && { wrap }),
  });
  const lines: string[] = [];
  for await (const line of child.lines) lines.push(line);
  expect(await child.ended).toBe(0);
  return JSON.parse(lines.at(-1) ?? '{}') as Loops;
}

test.each(['0', '20'])('200 chats at once share syncs: at most one for 20 (%s ms of thinking)', async (thinkMs) => {
  const { syncs } = await runLoops([`${clients}`, `${rounds}`, thinkMs]);
  expect(syncs).toBeGreaterThan(0);
  expect(syncs).toBeLessThanOrEqual(chats / 20);
});

test('what the disk is asked for is at most one sync for 20 chats, checkpoints among them', async (context) => {
  if (problem) context.skip(problem);
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-syncs-'));
  const trace = join(folder, 'trace');
  const { syncs: counted } = await runLoops([`${clients}`, `${rounds}`, '20'], (command) =>
    traced(trace, ['fsync', 'fdatasync', 'write'], command),
  );
  const calls = readTrace(trace);
  const begun = calls.findIndex(({ text }) => text.includes('loop begins'));
  const ended = calls.findIndex(({ text }) => text.includes('{\\"commits\\"'));
  const syncs = calls.slice(begun, ended).filter(isSync).length;
  expect(begun).toBeGreaterThan(0);
  expect(syncs).toBeGreaterThanOrEqual(counted);
  expect(syncs).toBeLessThanOrEqual(chats / 20);
  await rm(folder, { recursive: true, force: true });
});

test('a chat alone waits for nobody: every one has its own sync, and its beginning none', async () => {
  expect(await runLoops(['1', '40'])).toEqual({ commits: 80, syncs: 40 });
});
