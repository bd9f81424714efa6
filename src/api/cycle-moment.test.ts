import { expect, test } from 'vitest';
import { storeForEach } from '../../test/fixtures/store-in-folder.ts';
import { atOneMoment } from './cycle-moment.ts';

const id = 'c1';
const opened = storeForEach();

test('a cycle that goes on while its steps are read is read again, so that state and steps belong together', async () => {
  const { cycles } = opened.store;
  const queued = await cycles.create({ id, base: 'tiny', name: 'x', recipe: 'r' });
  let reads = 0;
  const seen = await atOneMoment(
    {
      get: cycles.get,
      stepsOf: async (cycleId) => {
        reads += 1;
        const calls = await cycles.stepsOf(cycleId);
        if (reads === 1) {
          await cycles.update(id, { state: 'running', step: 'collect' });
          await cycles.beginStep(id, 'collect', 'k1');
        }
        return calls;
      },
    },
    queued,
  );
  expect(seen.cycle).toMatchObject({ state: 'running', step: 'collect' });
  expect(seen.calls).toMatchObject([{ key: 'k1', state: 'running' }]);
});

test('a cycle that stands still is read once', async () => {
  const cycle = await opened.store.cycles.create({ id, base: 'tiny', name: 'x', recipe: 'r' });
  let reads = 0;
  const stepsOf = (cycleId: string) => {
    reads += 1;
    return opened.store.cycles.stepsOf(cycleId);
  };
  expect(await atOneMoment({ get: opened.store.cycles.get, stepsOf }, cycle)).toEqual({ cycle, calls: [] });
  expect(reads).toBe(1);
});
