import { describe, expect, test, vi } from 'vitest';
import type { Provider, ProviderHealth, SetUp } from '../providers/types.ts';
import { createHealthWatch } from './health-watch.ts';

const well: ProviderHealth = { state: 'green', reason: 'It answers with 1 models.', names: ['a'] };
const gone: ProviderHealth = { state: 'red', reason: 'It does not answer: start it.' };

/** A provider that is as it was last told to be. */
function fake(name: string, setUp: SetUp = { state: 'given' }) {
  const is = { health: well, setUp };
  const health = vi.fn(async () => is.health);
  const provider: Provider = {
    name,
    kind: name,
    locality: 'local',
    reportsUsage: true,
    setUp: () => is.setUp,
    call: () => Promise.reject(new Error('nobody is asked')),
    listModels: () => Promise.reject(new Error('nobody is asked')),
    health,
  };
  return { provider, health, is };
}

function open(all: ReturnType<typeof fake>[], limitMs = 5_000) {
  const clock = { date: 1_000 };
  const listed = vi.fn();
  const watch = createHealthWatch({
    providers: () => all.map(({ provider }) => provider),
    parts: { store: async () => ({ state: 'green', reason: 'It answers.' }) },
    listed,
    limitMs,
    date: () => clock.date,
    after: () => () => undefined,
  });
  const states = async () => (await watch.providers()).map(({ health }) => health.state);
  return { watch, clock, listed, states };
}

describe('what is remembered', () => {
  test('the first look is waited for, later ones answer from memory until somebody looks anew', async () => {
    const box = fake('box');
    const { watch, clock, states, listed } = open([box]);
    expect(await states()).toEqual(['green']);
    expect(listed).toHaveBeenCalledWith(box.provider, ['a']);
    box.is.health = gone;
    clock.date = 5_000;
    expect(await states()).toEqual(['green']);
    expect(box.health).toHaveBeenCalledTimes(1);
    await watch.fresh();
    expect(await watch.providers()).toMatchObject([{ health: gone, since: 5_000, checkedAt: 5_000 }]);
    clock.date = 9_000;
    await watch.fresh();
    expect(await watch.providers()).toMatchObject([{ since: 5_000, checkedAt: 9_000 }]);
    expect(await watch.parts()).toEqual({ store: { state: 'green', reason: 'It answers.', since: 5_000 } });
  });

  test('those who ask together look once', async () => {
    const box = fake('box');
    const { watch } = open([box]);
    await Promise.all([watch.fresh(), watch.fresh(), watch.providers()]);
    expect(box.health.mock.calls.length).toBeLessThanOrEqual(2);
  });

  test('a provider that hangs is red in time and holds up nobody', async () => {
    const [slow, box] = [fake('slow'), fake('box')];
    slow.health.mockImplementation(() => new Promise(() => undefined));
    expect(await open([slow, box], 20).states()).toEqual(['red', 'green']);
  });
});

describe('who is missed', () => {
  test('who is not set up is never asked, and says what to do', async () => {
    const box = fake('box', { state: 'missing', hint: 'set BOX_API_KEY' });
    const { watch } = open([box]);
    await watch.fresh();
    expect(await watch.providers()).toMatchObject([
      { isMissed: false, health: { state: 'yellow', reason: 'It is not set up: set BOX_API_KEY.' } },
    ]);
    expect(box.health).not.toHaveBeenCalled();
    expect(watch.up()).toEqual([]);
    box.is.setUp = { state: 'given' };
    expect(await watch.providers()).toMatchObject([{ isMissed: true, health: { state: 'green' } }]);
  });

  test('nobody misses what is not at its usual address, until it has been there', async () => {
    const box = fake('box', { state: 'usual' });
    box.is.health = gone;
    const { watch, states } = open([box]);
    expect(await states()).toEqual(['yellow']);
    expect(watch.up()).toEqual([]);
    box.is.health = well;
    await watch.fresh();
    expect(watch.up()).toEqual([{ provider: 'box', up: true }]);
    box.is.health = gone;
    await watch.fresh();
    expect(await states()).toEqual(['red']);
    expect(watch.up()).toEqual([{ provider: 'box', up: false }]);
  });
});

test('a provider whose keys cannot be read is red, and says why', async () => {
  const box = fake('box');
  box.provider.setUp = () => {
    throw new Error('provider-keys.json may be read by others: run chmod 600');
  };
  box.health.mockRejectedValue(new Error('provider-keys.json may be read by others: run chmod 600'));
  const { watch } = open([box]);
  await watch.fresh();
  expect(await watch.providers()).toMatchObject([
    { isMissed: true, health: { state: 'red', reason: expect.stringMatching('run chmod 600') as string } },
  ]);
});

test('a live call that fails makes it looked at soon, and not again at once', async () => {
  const box = fake('box');
  const { watch, clock, states } = open([box]);
  await states();
  box.is.health = gone;
  watch.suspect('box');
  expect(box.health).toHaveBeenCalledTimes(1);
  clock.date += 6_000;
  watch.suspect('box');
  watch.suspect('box');
  watch.suspect('nobody');
  expect(box.health).toHaveBeenCalledTimes(2);
  await expect.poll(states).toEqual(['red']);
  clock.date += 60_000;
  watch.suspect('box');
  expect(box.health).toHaveBeenCalledTimes(2);
});
