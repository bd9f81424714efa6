import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLine, waitFor, wantedOf } from './group.ts';
import type { Batch } from './protocol.ts';

// Its clock stands still while batches are put in line.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const synced = (inFlight: number): Batch => [true, inFlight, []];
const unsynced: Batch = [false, 0, []];

/** In how many ms the line is due, so many ms after these batches came together. */
function dueAfter(batches: readonly Batch[], ms: number): number | 'now' {
  const line = createLine();
  for (const [id, batch] of batches.entries()) line.add(id, batch);
  const now = performance.now() + ms;
  const wait = (line.due(now) ?? Number.NaN) - now;
  return wait <= 0 ? 'now' : wait;
}

test('with few chats in flight nobody waits for companions, with many no longer than 25 ms', () => {
  expect([0, 1, 7, 8].map(waitFor)).toEqual([0, 0, 0, 0]);
  expect([200, 1000].map(waitFor)).toEqual([25, 25]);
  expect(waitFor(104)).toBe(12.5);
});

test('a chat alone is due at once', () => {
  const line = createLine();
  expect(line.due(performance.now())).toBeNull();
  expect(dueAfter([synced(1)], 0)).toBe('now');
});

test('a group is a quarter of those in flight, or an eighth that has waited; a crowd has 32 at least', () => {
  const sizes = [0, 8, 16, 32, 48, 64, 72, 128, 200];
  expect(sizes.map((inFlight) => wantedOf(inFlight, 'at once'))).toEqual([1, 2, 4, 8, 12, 24, 32, 32, 50]);
  expect(sizes.map((inFlight) => wantedOf(inFlight, 'waited'))).toEqual([1, 1, 2, 4, 8, 24, 32, 32, 50]);
});

test('of many, the first is due later, and at once when there are enough for a group', () => {
  const due = (count: number, inFlight: number) => dueAfter(Array(count).fill(synced(inFlight)), 0);
  expect(due(1, 200)).toBeCloseTo(25, 0);
  expect(due(49, 200)).toBeCloseTo(25, 0);
  expect(due(50, 200)).toBe('now');
  expect(due(23, 64)).toBeCloseTo(waitFor(64), 0);
  expect(due(24, 64)).toBe('now');
});

test('where chats end slowly a group is waited for longer, if half of it comes in that time', () => {
  const line = createLine();
  for (let id = 0; id < 140; id += 1) line.add(id, synced(200));
  for (let id = 0; id < 120; id += 1) line.take(true);
  const came = line.next(true)?.since ?? 0;
  expect(line.due(came + 30)).toBe(came + 30 + 5);
  expect(line.due(came + 490)).toBe(came + 490 + 5);
  expect(line.due(came + 501)).toBe(came + 501);
  for (let id = 140; id < 170; id += 1) line.add(id, synced(200));
  expect(line.due(came + 30)).toBeLessThanOrEqual(came + 30);
});

test('where not so many come, those who come are waited for', () => {
  const line = createLine();
  for (let id = 0; id < 40; id += 1) line.add(id, synced(200));
  for (let id = 0; id < 30; id += 1) line.take(true);
  const came = line.next(true)?.since ?? 0;
  expect(line.due(came + 400)).toBe(came + 400 + 5);
  for (let id = 40; id < 80; id += 1) line.add(id, synced(200));
  expect(line.due(came + 400)).toBeLessThanOrEqual(came + 400);
});

test('the few of a wave are waited for like the many before them, until those are forgotten', () => {
  const line = createLine();
  line.add(1, synced(200));
  line.take(true);
  line.add(2, synced(2));
  const came = line.next(true)?.since ?? 0;
  expect((line.due(came) ?? 0) - came).toBeGreaterThan(20);
  expect(line.due(came + 26)).toBe(came + 26);
});

test('when few have come of late, nobody waits longer', () => {
  expect(dueAfter([synced(200), synced(200)], 26)).toBe('now');
});

test('one that may not wait takes those with it that may', () => {
  expect(dueAfter([synced(200), synced(0)], 0)).toBe('now');
});

test('a group without sync takes no synced batch, one with sync takes all in the order in which they came', () => {
  const line = createLine();
  for (const [id, batch] of [synced(200), unsynced, synced(200), unsynced, unsynced].entries()) line.add(id, batch);
  expect(line.unsynced).toBe(true);
  expect(line.take(false)?.id).toBe(1);
  const taken = [0, 2, 3, 4].map((id) => {
    expect(line.next(true)?.id).toBe(id);
    return line.take(true);
  });
  expect([line.size, line.due(0), line.unsynced, line.take(true)]).toEqual([0, null, false, undefined]);
  line.putBack(taken.filter((waiting) => waiting !== undefined));
  expect([line.size, line.unsynced]).toEqual([4, true]);
  expect([0, 1, 2, 3].map(() => line.take(true)?.id)).toEqual([0, 2, 3, 4]);
});

test('those that have waited too long are taken out of both lines', () => {
  const line = createLine();
  for (const [id, batch] of [synced(200), unsynced, synced(200), unsynced].entries()) line.add(id, batch);
  expect(line.remove(({ id }) => id < 2).map(({ id }) => id)).toEqual([0, 1]);
  expect([line.size, line.next(true)?.id, line.next(false)?.id]).toEqual([2, 2, 3]);
  expect(line.remove(() => true)).toHaveLength(2);
  expect([line.size, line.due(0)]).toEqual([0, null]);
});
