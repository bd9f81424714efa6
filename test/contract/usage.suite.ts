import { expect, test } from 'vitest';
import type { CallUsage, Store } from '../../src/store/types.ts';
import { chat, request, user } from './chat-samples.ts';
import type { NewInstallation } from './installation.ts';

const call: CallUsage = {
  owner: 'alice',
  keyId: 'k1',
  team: 'blue',
  provider: 'openai',
  model: 'gpt-4o-mini',
  failed: false,
  promptTokens: 100,
  completionTokens: 50,
  costNanos: 45_000,
};

const today = () => new Date().toISOString().slice(0, 10);

/** Sums of calls, and the figures of the whole store. */
export function usageSuite(install: NewInstallation): void {
  const opened = async (): Promise<Store> => (await install()).open();
  const added = async (...calls: Partial<CallUsage>[]): Promise<Store> => {
    const store = await opened();
    for (const change of calls) await store.usage.add({ ...call, ...change });
    return store;
  };

  test('calls add up in one line per day, key, team, provider and model', async () => {
    const store = await added({}, {}, { failed: true, promptTokens: 0, completionTokens: 0, costNanos: 0 });
    const sums = { requests: 3, failures: 1, promptTokens: 200, completionTokens: 100, costNanos: 90_000 };
    const whole = ['day', 'owner', 'keyId', 'team', 'provider', 'model'] as const;
    const { failed: _, promptTokens, completionTokens, costNanos, ...labels } = call;
    expect([promptTokens, completionTokens, costNanos]).toEqual([100, 50, 45_000]);
    expect(await store.usage.sum({}, whole)).toEqual([{ day: today(), ...labels, ...sums }]);
    expect(await store.usage.sum({}, [])).toEqual([sums]);
  });

  test('sums are grouped and sorted by what is asked for', async () => {
    const store = await added({ model: 'b' }, { model: 'a', owner: 'bob' }, { model: 'b', owner: 'bob' });
    expect(await store.usage.sum({}, ['model', 'owner'])).toMatchObject([
      { model: 'a', owner: 'bob', requests: 1 },
      { model: 'b', owner: 'alice', requests: 1 },
      { model: 'b', owner: 'bob', requests: 1 },
    ]);
    expect(await store.usage.sum({}, ['owner'])).toMatchObject([
      { owner: 'alice', requests: 1, costNanos: 45_000 },
      { owner: 'bob', requests: 2, costNanos: 90_000 },
    ]);
  });

  test('owner, key, team and days filter', async () => {
    const store = await added(
      {},
      { owner: 'bob', keyId: 'k2', team: 'red' },
      { owner: 'bob', keyId: null, team: null },
    );
    const requests = async (filter: Parameters<Store['usage']['sum']>[0]) =>
      (await store.usage.sum(filter, []))[0]?.requests;
    expect(await requests({ owner: 'bob' })).toBe(2);
    expect(await requests({ keyId: 'k2' })).toBe(1);
    expect(await requests({ team: 'blue' })).toBe(1);
    expect(await requests({ owner: 'alice', team: 'red' })).toBe(0);
    expect(await requests({ from: today(), to: today() })).toBe(3);
    expect(await requests({ from: '2100-01-01' })).toBe(0);
    expect(await requests({ to: '2000-01-01' })).toBe(0);
    expect(await store.usage.sum({ owner: 'nobody' }, ['day'])).toEqual([]);
  });

  test('a key or a team that there was none of is the empty text', async () => {
    const store = await added({ keyId: null, team: null });
    expect(await store.usage.sum({}, ['keyId', 'team'])).toMatchObject([{ keyId: '', team: '', requests: 1 }]);
  });

  test('sums beyond 32 bits stay whole numbers', async () => {
    const costNanos = 3_000_000_000_000_001;
    const store = await added({ costNanos }, { costNanos });
    expect(await store.usage.sum({}, [])).toMatchObject([{ costNanos: 6_000_000_000_000_002 }]);
  });

  test('calls that end at once are all counted', async () => {
    const store = await opened();
    await Promise.all(Array.from({ length: 100 }, () => store.usage.add(call)));
    expect(await store.usage.sum({}, [])).toMatchObject([{ requests: 100, promptTokens: 10_000 }]);
  });

  test('figures: cycles by state, and completions that are open', async () => {
    const store = await opened();
    expect(await store.figures()).toMatchObject({ cycles: { running: 0, needs_attention: 0 }, openCompletions: 0 });
    await chat(store, [user('done')], 'ok');
    await store.chats.begin(request([user('open')]));
    for (const id of ['one', 'two']) await store.cycles.create({ id, base: 'tiny', name: id, recipe: 'r' });
    await store.cycles.update('two', { state: 'needs_attention' });
    const { cycles, openCompletions } = await store.figures();
    expect(cycles).toMatchObject({ queued: 1, needs_attention: 1, running: 0 });
    expect(openCompletions).toBe(1);
  });
}
