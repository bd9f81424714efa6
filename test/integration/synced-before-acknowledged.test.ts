import { expect, test } from 'vitest';
import { isSync, straceProblem } from '../fixtures/strace.ts';
import { acknowledgedUnsynced, storedAndSent, traceChats } from '../fixtures/traced-api.ts';

const problem = straceProblem();

test('of every acknowledged chat, the sync of its commit returns before its last byte is written', async (context) => {
  if (problem) context.skip(problem);
  const traced = await traceChats({ clients: 4, rounds: 12, calls: storedAndSent });
  expect(traced.chats).toHaveLength(48);
  expect(acknowledgedUnsynced(traced)).toEqual([]);
});

test('with synchronous=NORMAL that does not hold, so that the trace would show it', async (context) => {
  if (problem) context.skip(problem);
  const traced = await traceChats({ clients: 4, rounds: 6, calls: storedAndSent, synchronous: 'NORMAL' });
  expect(acknowledgedUnsynced(traced).length).toBeGreaterThan(traced.chats.length / 2);
});

test('200 chats at once through the API need at most one sync for 20 of them', async (context) => {
  if (problem) context.skip(problem);
  const { chats, calls } = await traceChats({ clients: 200, rounds: 6, calls: ['fsync', 'fdatasync', 'write'] });
  expect(chats).toHaveLength(1200);
  // The line with its address ends the start, whose migrations are synced one by one.
  const started = calls.findIndex(({ name, text }) => name === 'write' && text.includes('http://127.0.0.1'));
  const syncs = calls.slice(started).filter(isSync).length;
  expect(started).toBeGreaterThan(0);
  expect(syncs).toBeGreaterThan(0);
  expect(syncs).toBeLessThanOrEqual(chats.length / 20);
});
