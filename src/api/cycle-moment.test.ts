import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/types.ts';
import { atOneMoment } from './cycle-moment.ts';

const id = 'c1';
let folder: string;
let store: Store;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-moment-'));
  store = await openStore({ dataDir: folder });
});

afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

test('a cycle that goes on while its steps are read is read again, so that state and steps belong together', async () => {
  const { cycles } = store;
  const queued = await cycles.create({ id, base: 'tiny', name: 'x', recipe: 'r' });
  let reads = 0;
  const seen = await atOneMoment(
    {
      get: cycles.get,
      stepsOf: async (cycleId) => {
        reads += 1;
        if (reads === 1) {
          await cycles.update(id, { state: 'running', step: 'collect' });
          await cycles.beginStep(id, 'collect', 'k1');
        }
        return cycles.stepsOf(cycleId);
      },
    },
    queued,
  );
  expect(seen.cycle).toMatchObject({ state: 'running', step: 'collect' });
  expect(seen.calls).toMatchObject([{ key: 'k1', state: 'running' }]);
});

test('a cycle that stands still is read once', async () => {
  const cycle = await store.cycles.create({ id, base: 'tiny', name: 'x', recipe: 'r' });
  let reads = 0;
  const stepsOf = (cycleId: string) => {
    reads += 1;
    return store.cycles.stepsOf(cycleId);
  };
  expect(await atOneMoment({ get: store.cycles.get, stepsOf }, cycle)).toEqual({ cycle, calls: [] });
  expect(reads).toBe(1);
});
