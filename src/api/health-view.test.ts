import { expect, test } from 'vitest';
import type { Provider, ProviderHealth } from '../providers/types.ts';
import type { ModelTraffic } from './health-traffic.ts';
import { type ViewDeps, presentProvider } from './health-view.ts';

const names = ['a', 'b:latest'];
const well: ProviderHealth = { state: 'green', reason: 'It answers with 2 models.', models: 2, names, loaded: ['a'] };

function view(
  health: ProviderHealth,
  deps: Partial<ViewDeps>,
  kind = 'ollama',
  locality: Provider['locality'] = 'local',
) {
  const provider = { name: 'box', kind, locality } as Provider;
  const watched = { provider, setUp: 'given' as const, health, since: 0, checkedAt: 1_000, isMissed: true };
  return presentProvider(watched, { facts: () => ({ abilities: { tools: true }, context: 9 }), ...deps });
}

function failing(failures: number): NonNullable<ViewDeps['traffic']> {
  const traffic: ModelTraffic = { failures, code: 'RateLimited', failedAt: 2_000, answeredAt: null };
  return { of: (_provider, model) => (model === 'a' ? traffic : null), failing: () => [{ model: 'a', traffic }] };
}

test('all is well', () => {
  const got = view(well, {
    wanted: () => [
      { ref: 'box/b', by: 'the selection' },
      { ref: 'far/c', by: 'the selection' },
    ],
  });
  expect(got).toMatchObject({
    state: 'green',
    since: '1970-01-01T00:00:00.000Z',
    checked_at: '1970-01-01T00:00:01.000Z',
    models: 2,
  });
  expect(got.model_list).toEqual([
    {
      name: 'a',
      state: 'green',
      reason: null,
      installed: true,
      loaded: true,
      breaker: null,
      failures: 0,
      last_error: null,
      answered_at: null,
      abilities: { tools: true },
      context_length: 9,
      size: null,
    },
    expect.objectContaining({ name: 'b:latest', loaded: false }),
  ]);
});

test.each<[string, Partial<ViewDeps>, string, string]>([
  [
    'a model that somebody relies on is not there',
    { wanted: () => [{ ref: 'box/c', by: 'the route "work"' }] },
    'red',
    'the route "work" names it, and box does not have it: get it with "ollama pull c".',
  ],
  [
    'a breaker is open',
    { breakers: () => [{ provider: 'box', model: 'a', breaker: 'open', reason: 'It is overloaded.' }] },
    'red',
    'it failed too often (It is overloaded) and is left alone for a while: look at box, or ask another model.',
  ],
  [
    'calls fail',
    { traffic: failing(3) },
    'yellow',
    "the last 3 calls failed with RateLimited: look at box's log or load.",
  ],
])('%s: the provider is yellow, and says which', (_what, deps, state, reason) => {
  const got = view(well, deps);
  const bad = got.model_list.find((model) => model.state !== 'green');
  expect(bad).toMatchObject({ state, reason });
  expect(got).toMatchObject({ state: 'yellow', reason: `${bad?.name}: ${reason}` });
});

test('two failures are an accident, and are shown all the same', () => {
  const got = view(well, { traffic: failing(2) });
  expect(got.state).toBe('green');
  expect(got.model_list[0]).toMatchObject({
    failures: 2,
    last_error: { code: 'RateLimited', at: '1970-01-01T00:00:02.000Z' },
  });
});

test('a vendor elsewhere serves more than it lists', () => {
  const got = view(well, { wanted: () => [{ ref: 'box/c:free', by: 'the selection' }] }, 'openrouter', 'remote');
  expect(got.state).toBe('green');
  expect(got.model_list).toHaveLength(2);
});

test('calls that fail are shown also while the provider lists nothing', () => {
  const red: ProviderHealth = { state: 'red', reason: 'It does not answer: start it.' };
  expect(view(red, { traffic: failing(3) }).model_list).toMatchObject([
    { name: 'a', installed: null, state: 'yellow' },
  ]);
});

test('what is red stays red, whatever its models do', () => {
  const red: ProviderHealth = { state: 'red', reason: 'It does not answer: start it.' };
  expect(view(red, { traffic: failing(9) })).toMatchObject({ ...red, models: null });
});
