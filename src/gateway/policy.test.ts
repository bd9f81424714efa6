import { describe, expect, test } from 'vitest';
import type { RecordMode } from '../core/access.ts';
import { RatchetError } from '../core/errors.ts';
import { parseSettings } from '../core/settings.ts';
import { createRegistry } from '../providers/registry.ts';
import type { Provider } from '../providers/types.ts';
import { type PolicyRequest, createPolicy, tellLeftOut } from './policy.ts';
import { type Selected, createResolver } from './resolve.ts';

function provider(name: string, locality: Provider['locality']): Provider {
  return {
    name,
    kind: 'openai',
    locality,
    reportsUsage: false,
    setUp: () => ({ state: 'given' }),
    call: () => Promise.reject(new Error('a plan asks nobody')),
    listModels: async () => (name === 'here' ? ['bare'] : []),
    health: async () => ({ state: 'green', reason: '' }),
  };
}

const providers = [
  { ...provider('unset', 'remote'), setUp: () => ({ state: 'missing' as const, hint: 'set UNSET_API_KEY' }) },
  provider('here', 'local'),
  provider('near', 'local'),
  provider('far', 'remote'),
  provider('off', 'remote'),
];

interface Case {
  file?: object;
  request?: Partial<PolicyRequest>;
  selected?: Selected;
}

async function plan({ file = {}, request = {}, selected }: Case) {
  const settings = parseSettings(JSON.stringify(file), 'ratchet.json');
  const resolver = createResolver({ registry: createRegistry(providers), selection: () => selected ?? null });
  const policy = createPolicy({ settings: () => settings, resolver });
  return policy.plan({ asked: 'r', instead: null, unrecorded: false, record: 'all', ...request });
}

const refs = ({ targets }: Awaited<ReturnType<typeof plan>>) =>
  targets.map(({ provider: { name }, model }) => `${name}/${model}`);
const routed = (model: string, fallback: string[], more: object = {}) => ({ r: { model, fallback, ...more } });

describe('who is asked', () => {
  const deny = { providers: { off: { egress: 'deny' } } };
  test.each<[string, Case, string[], string[]]>([
    ['a ref', { request: { asked: 'far/x' } }, ['far/x'], []],
    ['a bare name', { request: { asked: 'bare' } }, ['here/bare'], []],
    ['local, then local', { file: { routes: routed('here/a', ['near/b']) } }, ['here/a', 'near/b'], []],
    ['local, then remote', { file: { routes: routed('here/a', ['far/b']) } }, ['here/a'], ['far/b']],
    [
      'local, then remote, then local',
      { file: { routes: routed('here/a', ['far/b', 'near/c']) } },
      ['here/a', 'near/c'],
      ['far/b'],
    ],
    [
      'local, then remote, with leave',
      { file: { routes: routed('here/a', ['far/b'], { egress: 'allow' }) } },
      ['here/a', 'far/b'],
      [],
    ],
    [
      'local, then a remote one that never may, with leave',
      { file: { ...deny, routes: routed('here/a', ['off/b', 'far/c'], { egress: 'allow' }) } },
      ['here/a', 'far/c'],
      ['off/b'],
    ],
    ['remote, then remote', { file: { ...deny, routes: routed('far/a', ['off/b']) } }, ['far/a', 'off/b'], []],
    ['remote, then local', { file: { routes: routed('far/a', ['here/b']) } }, ['far/a', 'here/b'], []],
    [
      'remote, then local, then remote',
      { file: { routes: routed('far/a', ['here/b', 'off/c']) } },
      ['far/a', 'here/b', 'off/c'],
      [],
    ],
    [
      'what is selected, here',
      { file: { routes: routed('active', ['far/b']) }, selected: { provider: 'here', model: 'm' } },
      ['here/m'],
      ['far/b'],
    ],
    [
      'what is selected, elsewhere',
      { file: { routes: routed('active', ['far/b']) }, selected: { provider: 'off', model: 'm' } },
      ['off/m', 'far/b'],
      [],
    ],
    [
      'the selection as fallback, elsewhere',
      { file: { routes: routed('here/a', ['active']) }, selected: { provider: 'off', model: 'm' } },
      ['here/a'],
      ['active'],
    ],
    [
      'nothing is selected, which may have been local',
      { file: { routes: routed('active', ['far/b', 'near/c']) } },
      ['near/c'],
      ['active', 'far/b'],
    ],
    [
      'a fallback of a provider that is not set up',
      { file: { routes: routed('here/a', ['gone/b']) } },
      ['here/a'],
      ['gone/b'],
    ],
    [
      'a route before a bare name',
      { file: { routes: { bare: { model: 'far/x' } } }, request: { asked: 'bare' } },
      ['far/x'],
      [],
    ],
    ['a name that every object has', { file: {}, request: { asked: 'here/constructor' } }, ['here/constructor'], []],
  ])('%s', async (_name, given, asked, leftOut) => {
    const found = await plan(given);
    expect(refs(found)).toEqual(asked);
    expect(found.leftOut.map(({ ref }) => ref)).toEqual(leftOut);
  });

  test('the key of the selection goes with it, and only with it', async () => {
    const selected = { provider: 'far', model: 'm', apiKey: 'k' };
    const { targets } = await plan({ file: { routes: routed('active', ['far/b']) }, selected });
    expect(targets.map(({ apiKey }) => apiKey)).toEqual(['k', undefined]);
  });

  test('the route is named in the plan', async () => {
    expect(await plan({ file: { routes: routed('here/a', []) } })).toMatchObject({ route: 'r' });
    expect(await plan({ request: { asked: 'here/a' } })).toMatchObject({ route: null });
  });
});

describe('a provider that is not set up', () => {
  test('gives its hint to who asks for it by name', async () => {
    const asking = plan({ request: { asked: 'unset/x' } });
    await expect(asking).rejects.toThrow('unset is not set up: set UNSET_API_KEY.');
    await expect(asking).rejects.toMatchObject({ code: 'ProviderRejected' });
  });

  test('is asked with the key that the selection brings along', async () => {
    const selected = { provider: 'unset', model: 'm', apiKey: 'k' };
    expect(refs(await plan({ request: { asked: 'active' }, selected }))).toEqual(['unset/m']);
  });

  test('is left out where another is there, with its hint', async () => {
    const { targets, leftOut } = await plan({ file: { routes: routed('here/a', ['unset/b']) } });
    expect(targets).toHaveLength(1);
    expect(leftOut).toEqual([{ ref: 'unset/b', reason: 'unset is not set up: set UNSET_API_KEY' }]);
  });

  test('and forced: says so', async () => {
    const file = { routing: { force: 'unset', egress: 'allow' } };
    await expect(plan({ file, request: { asked: 'far/x' } })).rejects.toThrow(
      'routing.force names unset: unset is not set up: set UNSET_API_KEY.',
    );
    await expect(plan({ file: { routing: { force: 'nowhere' } } })).rejects.toThrow('there is no provider "nowhere"');
  });
});

describe('when nobody can be asked', () => {
  test.each<[string, Case, RegExp]>([
    ['an unknown name', { request: { asked: 'baer' } }, /No provider lists a model "baer": the nearest are here\/bare/],
    [
      'a route to a provider that is not set up',
      { file: { routes: routed('gone/a', ['far/b']) } },
      /The route "r" names gone\/a, whose provider is not set up: .* far\/b was not asked: the route r keeps chats on this machine\.$/,
    ],
    [
      'a route to the selection, and nothing is selected',
      { file: { routes: routed('active', []) } },
      /No model is selected yet/,
    ],
  ])('%s', async (_name, given, message) => {
    await expect(plan(given)).rejects.toThrow(message);
    await expect(plan(given)).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('the error tells what was left out', async () => {
    const deny = { providers: { off: { egress: 'deny' } } };
    const allowed = await plan({ file: { ...deny, routes: routed('here/a', ['off/b'], { egress: 'allow' }) } });
    const error = new RatchetError('ProviderUnavailable', 'here does not answer: start it', { details: { a: 1 } });
    expect(tellLeftOut(error, allowed)).toMatchObject({
      code: 'ProviderUnavailable',
      message: 'here does not answer: start it. off/b was not asked: off is never asked in place of a local model.',
      details: { a: 1 },
    });
    expect(tellLeftOut(error, await plan({ request: { asked: 'here/a' } }))).toBe(error);
  });
});

describe('the model of a spent budget', () => {
  test.each<[string, Case, string[]]>([
    ['a local one', { request: { asked: 'far/x', instead: 'here/a' } }, ['here/a']],
    ['another remote one', { request: { asked: 'far/x', instead: 'off/a' } }, ['off/a']],
    ['a local one for a local one', { request: { asked: 'here/x', instead: 'near/a' } }, ['near/a']],
    [
      'a remote one for a route with leave, without its fallbacks',
      { file: { routes: routed('here/a', ['far/b'], { egress: 'allow' }) }, request: { instead: 'off/c' } },
      ['off/c'],
    ],
  ])('%s', async (_name, given, asked) => {
    const found = await plan(given);
    expect(refs(found)).toEqual(asked);
    expect(found.leftOut).toEqual([]);
  });

  test.each<[string, Case, RegExp]>([
    [
      'a remote one for a local one',
      { request: { asked: 'here/x', instead: 'far/a' } },
      /and far\/a, which .* was not: chats with local models stay on this machine\.$/,
    ],
    [
      'a remote one for a route that keeps chats here',
      { file: { routes: routed('here/a', []) }, request: { instead: 'far/a' } },
      /the route r keeps chats on this machine\.$/,
    ],
    ['an unknown one', { request: { asked: 'far/x', instead: 'gone/a' } }, /no provider of that name is set up\.$/],
  ])('never %s', async (_name, given, message) => {
    await expect(plan(given)).rejects.toThrow(message);
    await expect(plan(given)).rejects.toMatchObject({ code: 'BudgetSpent' });
  });
});

describe('what is recorded is the strictest of', () => {
  const file = (route?: RecordMode, first?: RecordMode, second?: RecordMode) => ({
    providers: { here: { ...(first && { record: first }) }, near: { ...(second && { record: second }) } },
    routes: routed('here/a', ['near/b'], { ...(route && { record: route }) }),
  });
  test.each<[string, Case, RecordMode]>([
    ['nothing', { file: file() }, 'all'],
    ['the request', { file: file(), request: { unrecorded: true } }, 'meta'],
    ['the key', { file: file(), request: { record: 'meta' } }, 'meta'],
    ['the key, that keeps nothing', { file: file(), request: { record: 'none' } }, 'none'],
    ['the route', { file: file('meta') }, 'meta'],
    ['the first provider', { file: file(undefined, 'none') }, 'none'],
    ['a fallback, which may come to see it', { file: file(undefined, undefined, 'meta') }, 'meta'],
    ['all of them', { file: file('meta', 'all', 'none'), request: { unrecorded: true } }, 'none'],
    ['none, which a request cannot soften', { file: file('none'), request: { unrecorded: true } }, 'none'],
    [
      'a provider that is not asked does not count',
      { file: { providers: { far: { record: 'none' } }, routes: routed('here/a', ['far/b']) } },
      'all',
    ],
    ['a provider without a route', { file: file(undefined, 'meta'), request: { asked: 'here/x' } }, 'meta'],
  ])('%s', async (_name, given, mode) => {
    expect((await plan(given)).record).toBe(mode);
  });
});
