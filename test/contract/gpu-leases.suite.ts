import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { NewGpuLease } from '../../src/store/gpu-lease-types.ts';
import type { NewInstallation } from './installation.ts';

const place = { host: 'box', device: 'gpu' };
const ttlMs = 60_000;

/** What every store owes to the leases of GPUs. */
export function gpuLeaseSuite(install: NewInstallation): void {
  test('one holds it until it is given back, and nobody else can give it back', async () => {
    const { gpuLeases } = await (await install()).open();
    expect(await gpuLeases.held()).toEqual([]);
    const first = await gpuLeases.take(lease('a'));
    expect(first).toMatchObject({ ...place, owner: 'key a', holder: 'a', step: 'train', pid: 7, expectedEnd: null });
    expect(first.expiresAt - Date.now()).toBeGreaterThan(ttlMs / 2);
    expect(await gpuLeases.take(lease('b'))).toEqual(first);
    await gpuLeases.release(place, 'b');
    expect(await gpuLeases.held()).toEqual([first]);
    expect(await gpuLeases.renew(place, 'b', { ttlMs })).toBe(false);
    await gpuLeases.release(place, 'a');
    await gpuLeases.release(place, 'a');
    expect(await gpuLeases.held()).toEqual([]);
    expect(await gpuLeases.take(lease('b'))).toMatchObject({ holder: 'b' });
  });

  test('each device of each machine has its own', async () => {
    const { gpuLeases } = await (await install()).open();
    await gpuLeases.take(lease('a'));
    expect(await gpuLeases.take({ ...lease('b'), device: 'gpu1' })).toMatchObject({ holder: 'b' });
    const estimate = { ...lease('c'), host: 'another', cycleId: null, step: 'estimate' } as const;
    expect(await gpuLeases.take(estimate)).toMatchObject({ holder: 'c', cycleId: null, step: 'estimate' });
    expect((await gpuLeases.held()).map(({ holder }) => holder)).toEqual(['c', 'a', 'b']);
  });

  test('it is prolonged with the end that is expected, and one that has lapsed can still be, until another has it', async () => {
    const { gpuLeases } = await (await install()).open();
    await gpuLeases.take(lease('a', 1));
    await sleep(20);
    expect(await gpuLeases.held()).toEqual([]);
    expect(await gpuLeases.renew(place, 'a', { ttlMs, expectedEnd: 12_345 })).toBe(true);
    expect(await gpuLeases.renew(place, 'a', { ttlMs })).toBe(true);
    expect(await gpuLeases.held()).toMatchObject([{ holder: 'a', expectedEnd: 12_345 }]);
    await gpuLeases.renew(place, 'a', { ttlMs: 1 });
    await sleep(20);
    expect(await gpuLeases.take(lease('b'))).toMatchObject({ holder: 'b', expectedEnd: null });
    expect(await gpuLeases.renew(place, 'a', { ttlMs })).toBe(false);
  });

  test('a retry of the same step call has it at once, and the attempt before cannot give it back', async () => {
    const { gpuLeases } = await (await install()).open();
    await gpuLeases.take(lease('first'));
    const again = { ...lease('second'), owner: 'key first' };
    expect(await gpuLeases.take(again)).toMatchObject({ holder: 'second', owner: 'key first' });
    expect(await gpuLeases.renew(place, 'first', { ttlMs })).toBe(false);
    await gpuLeases.release(place, 'first');
    expect(await gpuLeases.held()).toMatchObject([{ holder: 'second' }]);
  });

  test('of many who want one that has lapsed, one gets it', async () => {
    const installation = await install();
    const stores = [await installation.open(), await installation.open()];
    await stores[0]?.gpuLeases.take(lease('dead', 1));
    await sleep(20);
    const wanted = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const seen = await Promise.all(wanted.map((name, n) => stores[n % 2]?.gpuLeases.take(lease(name))));
    const holders = new Set(seen.map((one) => one?.holder));
    expect(holders.size).toBe(1);
    expect(wanted).toContain([...holders][0]);
  });
}

function lease(holder: string, lasts = ttlMs): NewGpuLease {
  const who = { owner: `key ${holder}`, holder, cycleId: 'cycle', step: 'train', pid: 7 } as const;
  return { ...place, ...who, expectedEnd: null, ttlMs: lasts };
}
