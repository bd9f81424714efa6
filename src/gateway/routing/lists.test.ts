import { describe, expect, test } from 'vitest';
import { RatchetError } from '../../core/errors.ts';
import { createRegistry } from '../../providers/registry.ts';
import type { Provider, SetUp } from '../../providers/types.ts';
import { createResolver } from '../resolve.ts';
import { createModelLists } from './lists.ts';

interface Listed {
  list: () => Promise<string[]>;
  setUp?: SetUp;
}

const given: SetUp = { state: 'given' };

/** Providers that count how often they were asked. */
function providersOf(all: Record<string, Listed>) {
  const asked = new Map<string, number>();
  const providers = Object.entries(all).map(([name, { list, setUp = given }]): Provider => {
    return {
      name,
      kind: 'openai',
      locality: 'local',
      reportsUsage: false,
      setUp: () => setUp,
      call: () => Promise.reject(new Error('not asked')),
      listModels: () => {
        asked.set(name, (asked.get(name) ?? 0) + 1);
        return list();
      },
      health: async () => ({ state: 'green', reason: '' }),
    };
  });
  return { providers, asked: (name: string) => asked.get(name) ?? 0 };
}

function resolverOver(all: Record<string, Listed>, clock: { now: number }) {
  const { providers, asked } = providersOf(all);
  const lists = createModelLists({ now: () => clock.now, patienceMs: 8 });
  return { asked, resolver: createResolver({ registry: createRegistry(providers), selection: () => null, lists }) };
}

const lists = (...models: string[]): Listed => ({ list: async () => models });
const never = (): Promise<string[]> => new Promise(() => undefined);
const refuses = (): Promise<string[]> => Promise.reject(new RatchetError('ProviderUnavailable', 'Nobody is there.'));

describe('a bare name', () => {
  test('is found at once when it was found lately, and its list is asked for again behind it', async () => {
    const clock = { now: 0 };
    const { resolver, asked } = resolverOver({ box: lists('tiny') }, clock);
    expect(resolver.recall('tiny')).toBeNull();
    await resolver.resolve('tiny');
    expect(resolver.recall('tiny')).toMatchObject({ model: 'tiny' });
    expect(asked('box')).toBe(1);
    clock.now = 6_000;
    expect(resolver.recall('tiny')).toMatchObject({ model: 'tiny' });
    expect(asked('box')).toBe(2);
    clock.now = 700_000;
    expect(resolver.recall('tiny')).toBeNull();
  });

  test('moves when the lists change', async () => {
    const clock = { now: 0 };
    const models = { one: ['tiny'], two: ['tiny'] };
    const { resolver } = resolverOver(
      { one: { list: async () => [...models.one] }, two: { list: async () => [...models.two] } },
      clock,
    );
    expect(await resolver.resolve('tiny')).toMatchObject({ provider: { name: 'one' } });
    models.one = [];
    clock.now = 6_000;
    await resolver.resolve('tiny');
    // The new list has come behind the answer above.
    await Promise.resolve();
    expect(await resolver.resolve('tiny')).toMatchObject({ provider: { name: 'two' } });
  });

  test('waits for nobody who is silent, twice', async () => {
    const { resolver, asked } = resolverOver({ silent: { list: never }, box: lists('tiny') }, { now: 0 });
    expect(await resolver.resolve('tiny')).toMatchObject({ provider: { name: 'box' } });
    await expect(resolver.resolve('other')).rejects.toThrow('silent could not be asked: silent takes too long');
    expect(asked('silent')).toBe(1);
  });

  test('is not looked for where nothing is set up', async () => {
    const setUp = { state: 'missing', hint: 'set A_KEY' } as const;
    const { resolver, asked } = resolverOver({ far: { ...lists('tiny'), setUp } }, { now: 0 });
    await expect(resolver.resolve('tiny')).rejects.toThrow(/^No provider lists a model "tiny": GET \/v1\/models lists/);
    expect(asked('far')).toBe(0);
  });
});

describe('who is not there', () => {
  test('is told of when somebody set it up, and only then', async () => {
    const { resolver } = resolverOver(
      { given: { list: refuses }, usual: { list: refuses, setUp: { state: 'usual' } }, box: lists('tiny') },
      { now: 0 },
    );
    const { refs, failed } = await resolver.listRefs();
    expect(refs).toEqual(['box/tiny']);
    expect(failed).toEqual([{ provider: 'given', message: 'Nobody is there.' }]);
  });

  test('and was slow to fail is left alone for longer each time, until it answers', async () => {
    const clock = { now: 0 };
    let answers = false;
    const slow = {
      list: async () => {
        clock.now += 1_000;
        if (answers) return ['tiny'];
        return refuses();
      },
    };
    const { providers, asked } = providersOf({ slow });
    const [provider] = providers;
    if (!provider) throw new Error('there is one');
    const known = createModelLists({ now: () => clock.now });
    const ask = () => known.ask(provider).catch(() => null);
    const seen: number[] = [];
    for (const wait of [0, 500, 600, 1_500, 600]) {
      clock.now += wait;
      await ask();
      seen.push(asked('slow'));
    }
    expect(seen).toEqual([1, 1, 2, 2, 3]);
    answers = true;
    clock.now += 60_000;
    expect(await ask()).toEqual(['tiny']);
    expect(known.known(provider)).toEqual(['tiny']);
  });
});

test('the nearest names are those of routes and of prefixes as well', async () => {
  const { providers } = providersOf({ groq: lists('llama-3.1-8b'), box: lists('qwen') });
  const resolver = createResolver({
    registry: createRegistry(providers),
    selection: () => null,
    names: () => ['assistant'],
  });
  await expect(resolver.resolve('asistant')).rejects.toMatchObject({ details: { nearest: ['assistant'] } });
  await expect(resolver.resolve('gorq/mixtral')).rejects.toMatchObject({ details: { nearest: ['groq/mixtral'] } });
});

test('an alias stands for a ref, or for what is selected', async () => {
  const { providers } = providersOf({ box: lists('qwen') });
  const resolver = createResolver({
    registry: createRegistry(providers),
    selection: () => ({ provider: 'box', model: 'chosen' }),
    alias: (name) => ({ fast: 'box/small', mine: 'active' })[name] ?? null,
  });
  expect(resolver.find('fast')).toMatchObject({ model: 'small' });
  expect(resolver.find('mine')).toMatchObject({ model: 'chosen' });
});
