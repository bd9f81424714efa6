import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { GpuLease } from '../../core/gpu.ts';
import { whileGpuIsFree } from './while-free.ts';

const lease: GpuLease = {
  host: 'box',
  device: 'gpu',
  owner: 'key',
  holder: 'h',
  cycleId: 'another',
  step: 'train',
  pid: 1,
  acquiredAt: 0,
  expiresAt: 0,
  expectedEnd: null,
};

/** A GPU that this test lends, and what was told while somebody waited for it. */
function lent(first: GpuLease | null) {
  const state = { held: first, told: [] as Record<string, unknown>[] };
  const stop = new AbortController();
  const gpu = { host: 'box', holder: () => state.held };
  const work = { signal: stop.signal, report: (data: Record<string, unknown>) => void state.told.push(data) };
  return { state, stop, run: <T>(body: (signal: AbortSignal) => Promise<T>) => whileGpuIsFree(gpu, work, body) };
}

/** Never answers, as a model that is being loaded; ends with its signal. */
const endless = (signal: AbortSignal) => sleep(60_000, undefined, { signal });

describe.concurrent('while the GPU is free', () => {
  test('what nobody disturbs runs once, and says nothing', async () => {
    const { state, run } = lent(null);
    expect(await run(async () => 7)).toBe(7);
    expect(state.told).toEqual([]);
  });

  test('it waits while somebody trains, and says for whom', async () => {
    const { state, run } = lent(lease);
    let ran = false;
    const done = run(async () => (ran = true));
    await expect.poll(() => state.told).not.toEqual([]);
    await sleep(300);
    expect(ran).toBe(false);
    expect(state.told).toEqual([
      {
        event: 'waiting',
        for: 'gpu',
        held_by: { cycle: 'another', step: 'train' },
        until: null,
        message: 'It waits for the GPU of box, held by the step train of cycle another.',
      },
    ]);
    state.held = null;
    expect(await done).toBe(true);
  });

  test('it ends when somebody takes the GPU in the middle, and begins again', async () => {
    const { state, run } = lent(null);
    let runs = 0;
    const done = run(async (signal) => {
      runs += 1;
      if (runs === 1) await endless(signal);
      return runs;
    });
    state.held = lease;
    await expect.poll(() => state.told).toHaveLength(1);
    state.held = null;
    expect(await done).toBe(2);
  });

  test('a fault is no reason to try again, and neither is being cancelled', async () => {
    const { state, stop, run } = lent(null);
    await expect(run(() => Promise.reject(new Error('no model')))).rejects.toThrow('no model');
    const running = run(endless);
    stop.abort(new Error('stopped'));
    await expect(running).rejects.toThrow(/abort|stopped/i);
    state.held = lease;
    await expect(run(endless)).rejects.toThrow(/abort|stopped/i);
  });
});
