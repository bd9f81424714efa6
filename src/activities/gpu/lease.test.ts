import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { storeForEach } from '../../../test/fixtures/store-in-folder.ts';
import { startProcess } from '../../process/supervise.ts';
import { type LeaseRequest, holdLease, waitingEvent } from './lease.ts';

const place = { host: 'box', device: 'gpu' };
const opened = storeForEach();

function hold(owner: string, change: Partial<LeaseRequest> = {}) {
  const signal = new AbortController().signal;
  return holdLease(opened.store.gpuLeases, {
    ...place,
    owner,
    cycleId: `cycle of ${owner}`,
    step: 'train',
    signal,
    onWait: () => undefined,
    ...change,
  });
}

/** Waits until the one lease that there is counts for longer than it did. */
async function untilRenewed(): Promise<void> {
  const [held] = await opened.store.gpuLeases.held();
  await expect
    .poll(async () => (await opened.store.gpuLeases.held())[0]?.expiresAt)
    .toBeGreaterThan(held?.expiresAt ?? Number.NaN);
}

test('the second waits, is told for whom and until when, and has it when the first gives it back', async () => {
  const first = await hold('first');
  const end = Date.now() + 3_600_000;
  first.expect(end);
  await expect.poll(async () => (await opened.store.gpuLeases.held())[0]?.expectedEnd).toBe(end);
  const told: Record<string, unknown>[] = [];
  let isHeld = false;
  const waiting = hold('second', { onWait: (...wait) => void told.push(waitingEvent(...wait)) }).then((lease) => {
    isHeld = true;
    return lease;
  });
  await expect.poll(() => told).toHaveLength(1);
  const until = new Date(end).toISOString();
  expect(told[0]).toEqual({
    event: 'waiting',
    for: 'gpu',
    held_by: { cycle: 'cycle of first', step: 'train' },
    until,
    message: `It waits for the GPU of box, held by the step train of cycle cycle of first until about ${until}.`,
  });
  expect(isHeld).toBe(false);
  await first.release();
  const second = await waiting;
  expect(await opened.store.gpuLeases.held()).toMatchObject([{ owner: 'second' }]);
  await second.release();
  expect(await opened.store.gpuLeases.held()).toEqual([]);
});

test('who waits can be ended at once', async () => {
  const first = await hold('first');
  const stop = new AbortController();
  const waiting = hold('second', { signal: stop.signal, onWait: () => stop.abort(new Error('cancelled')) });
  await expect(waiting).rejects.toMatchObject({ cause: { message: 'cancelled' } });
  expect(await opened.store.gpuLeases.held()).toMatchObject([{ owner: 'first' }]);
  await first.release();
});

test('it is kept alive, and a retry of the same step call takes it from the attempt before, which learns of it', async () => {
  const first = await hold('first', { ttlMs: 3_000 });
  await untilRenewed();
  const again = await hold('first');
  await expect.poll(() => first.lost.aborted).toBe(true);
  expect(first.lost.reason).toMatchObject({ code: 'GpuBusy' });
  await first.release();
  expect(await opened.store.gpuLeases.held()).toMatchObject([{ owner: 'first' }]);
  expect(again.lost.aborted).toBe(false);
  await again.release();
});

test('the lease of a process that was killed lapses, and the next in line has it', async () => {
  const lines: string[] = [];
  const child = startProcess({
    command: process.execPath,
    args: [fileURLToPath(new URL('fixtures/hold-lease.ts', import.meta.url)), opened.folder, '3000'],
    logFile: join(opened.folder, 'child.log'),
    onLine: (line) => void lines.push(line),
  });
  await expect.poll(() => lines).toEqual(['held']);
  const waited: string[] = [];
  const waiting = hold('second', { onWait: ({ owner }) => void waited.push(owner) });
  await expect.poll(() => waited).toEqual(['first']);
  // It holds as long as its process lives.
  await untilRenewed();
  expect(await opened.store.gpuLeases.held()).toMatchObject([{ owner: 'first', pid: child.pid }]);
  process.kill(child.pid, 'SIGKILL');
  const killed = Date.now();
  await child.exited;
  const [left] = await opened.store.gpuLeases.held();
  expect(left?.expiresAt ?? 0).toBeLessThanOrEqual(killed + 3_000);
  const second = await waiting;
  expect(await opened.store.gpuLeases.held()).toMatchObject([{ owner: 'second', pid: process.pid }]);
  expect((await opened.store.gpuLeases.held())[0]?.acquiredAt).toBeGreaterThanOrEqual(left?.expiresAt ?? 0);
  await second.release();
});
