import { expect, onTestFinished, test, vi } from 'vitest';
import type { GpuLease } from '../../core/gpu.ts';
import { createGpuWatch } from './watch.ts';

function open(first: () => GpuLease[]) {
  const freed: string[] = [];
  const state = { held: first };
  const leases = { held: async () => state.held() };
  const watch = createGpuWatch({ leases, host: 'box', onFree: () => void freed.push('free') });
  onTestFinished(watch.stop);
  return { watch, freed, state };
}

function lease(host: string, expiresAt = Date.now() + 60_000): GpuLease {
  const who = { owner: 'k', holder: 'h', cycleId: 'c', step: 'train', pid: 1 } as const;
  return { host, device: 'gpu', ...who, acquiredAt: 0, expiresAt, expectedEnd: null };
}

test('it sees leases of its own machine come and go, and tells once that one is over', async () => {
  const { watch, freed, state } = open(() => [lease('another')]);
  await watch.look();
  expect(watch.holder()).toBeNull();
  state.held = () => [lease('another'), lease('box')];
  await watch.look();
  expect(watch.holder()).toMatchObject({ host: 'box' });
  state.held = () => [];
  await watch.look();
  await watch.look();
  expect(watch.holder()).toBeNull();
  expect(freed).toEqual(['free']);
});

test('it looks by itself every second', async () => {
  const { watch } = open(() => [lease('box')]);
  expect(watch.holder()).toBeNull();
  await expect.poll(watch.holder).toMatchObject({ host: 'box' });
});

test('while the store does not answer, the last word counts until it lapses', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const { watch, freed, state } = open(() => [lease('box', Date.now() + 100)]);
  await watch.look();
  state.held = () => {
    throw new Error('gone');
  };
  await watch.look();
  expect(watch.holder()).not.toBeNull();
  vi.setSystemTime(Date.now() + 101);
  await watch.look();
  expect(watch.holder()).toBeNull();
  expect(freed).toEqual(['free']);
});
