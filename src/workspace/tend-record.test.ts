import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { tendRecord } from './tend-record.ts';

const log = pino({ level: 'silent' });
const nothingErased = { completions: 0, open: 0, datasets: [] };

test('indexes what there is batch by batch, and looks again for more', async () => {
  let left = 40;
  const indexNext = vi.fn(async (limit: number) => {
    const some = Math.min(limit, left);
    left -= some;
    return some;
  });
  const chats = { indexNext, erase: async () => nothingErased };
  const tending = tendRecord({ chats, retentionDays: () => null, log, times: { lookMs: 1 } });
  await expect.poll(() => left).toBe(0);
  left = 5;
  await expect.poll(() => left).toBe(0);
  await tending.stop();
  const calls = indexNext.mock.calls.length;
  await new Promise(setImmediate);
  expect(indexNext.mock.calls.length).toBe(calls);
});

test('rests nine times as long as it worked, and longer where few are left', async () => {
  const lookMs = 150;
  let now = 0;
  const rounds = [
    { count: 32, worked: 5 },
    { count: 32, worked: 40 },
    { count: 5, worked: 5 },
    { count: 32, worked: 100_000 },
  ];
  const indexNext = async () => {
    const round = rounds.shift() ?? { count: 0, worked: 0 };
    now += round.worked;
    return round.count;
  };
  const rests: number[] = [];
  const rest = async (ms: number) => {
    rests.push(ms);
    now += ms;
    await new Promise(setImmediate);
  };
  const chats = { indexNext, erase: async () => nothingErased };
  const times = { lookMs, eraseMs: 1_000_000 };
  const tending = tendRecord({ chats, retentionDays: () => null, log, times, clock: { now: () => now, rest } });
  const ofIndexing = () => rests.filter((ms) => ms !== times.eraseMs).slice(0, 4);
  await expect.poll(ofIndexing).toHaveLength(4);
  await tending.stop();
  expect(ofIndexing()).toEqual([45, 360, lookMs, 10_000]);
});

test('rests three times as long again while chats are answered', async () => {
  let now = 0;
  let rounds = 0;
  const indexNext = async () => {
    now += 5;
    rounds += 1;
    return 32;
  };
  const rests: number[] = [];
  const rest = async (ms: number) => {
    rests.push(ms);
    await new Promise(setImmediate);
  };
  const chats = { indexNext, erase: async () => nothingErased };
  const busy = () => rounds < 3;
  const times = { eraseMs: 1_000_000 };
  const tending = tendRecord({ chats, retentionDays: () => null, busy, log, times, clock: { now: () => now, rest } });
  const ofIndexing = () => rests.filter((ms) => ms !== times.eraseMs).slice(0, 4);
  await expect.poll(ofIndexing).toHaveLength(4);
  await tending.stop();
  expect(ofIndexing()).toEqual([145, 145, 45, 45]);
});

test('erases by the age that is set now, and not at all where none is set', async () => {
  let days: number | null = null;
  const erase = vi.fn(async (_request: { before?: number }) => nothingErased);
  const chats = { indexNext: async () => 0, erase };
  const tending = tendRecord({ chats, retentionDays: () => days, log, times: { lookMs: 1, eraseMs: 1 } });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(erase).not.toHaveBeenCalled();
  days = 2;
  const from = Date.now();
  await expect.poll(() => erase).toHaveBeenCalled();
  expect(erase.mock.calls[0]?.[0].before).toBeGreaterThanOrEqual(from - 2 * 86_400_000);
  expect(erase.mock.calls[0]?.[0].before).toBeLessThanOrEqual(Date.now() - 2 * 86_400_000);
  await tending.stop();
});

test('goes on after a failure, and stops while it waits', async () => {
  const erase = vi.fn(async () => nothingErased);
  const indexNext = vi.fn(async () => Promise.reject(new Error('locked')));
  const tending = tendRecord({ chats: { indexNext, erase }, retentionDays: () => 1, log, times: { eraseMs: 1 } });
  await expect.poll(() => erase.mock.calls.length).toBeGreaterThan(1);
  await tending.stop();
  expect(indexNext).toHaveBeenCalledTimes(1);
});
