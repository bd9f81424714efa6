import { describe, expect, test } from 'vitest';
import { RatchetError } from '../core/errors.ts';
import { createRegistry } from '../providers/registry.ts';
import type { Provider } from '../providers/types.ts';
import { nearestNames } from '../core/nearest.ts';
import { type Selected, createResolver } from './resolve.ts';

function lists(name: string, models: () => string[]): Provider {
  return {
    name,
    kind: 'openai',
    locality: 'local',
    reportsUsage: false,
    setUp: () => ({ state: 'given' }),
    call: () => Promise.reject(new Error('not asked')),
    listModels: async () => models(),
    health: async () => ({ state: 'green', reason: '' }),
  };
}

function resolverOver(models: Record<string, () => string[]>, selected: Selected | null = null) {
  const providers = Object.entries(models).map(([name, list]) => lists(name, list));
  return createResolver({ registry: createRegistry(providers), selection: () => selected });
}

describe('resolve', () => {
  const models = { ollama: () => ['qwen:latest', 'both'], openai: () => ['gpt-4o-mini', 'both', 'qwen'] };

  test.each([
    ['ollama/anything', 'ollama', 'anything'],
    ['qwen', 'ollama', 'qwen:latest'],
    ['both', 'ollama', 'both'],
    ['gpt-4o-mini', 'openai', 'gpt-4o-mini'],
  ])('%s', async (ref, provider, model) => {
    expect(await resolverOver(models).resolve(ref)).toMatchObject({ provider: { name: provider }, model });
  });

  test('active follows the selection, with its key', async () => {
    const resolver = resolverOver(models, { provider: 'litellm', model: 'gpt-4o-mini', apiKey: 'k' });
    expect(await resolver.resolve('active')).toMatchObject({ provider: { name: 'openai' }, apiKey: 'k' });
    expect(resolver.active()).toBe('openai/gpt-4o-mini');
  });

  test.each<[Selected | null, RegExp]>([
    [null, /No model is selected yet/],
    [{ provider: 'litgpt', model: 'x' }, /"litgpt" that is not set up: use one of ollama, openai/],
  ])('active with the selection %j', async (selected, message) => {
    await expect(resolverOver(models, selected).resolve('active')).rejects.toThrow(message);
  });

  test('an unknown name names the nearest, and who could not be asked', async () => {
    const down = (): string[] => {
      throw new RatchetError('ProviderUnavailable', 'openai does not answer.');
    };
    const failing = resolverOver({ ...models, openai: down }).resolve('qwem');
    await expect(failing).rejects.toMatchObject({ code: 'NotFound', details: { nearest: ['ollama/qwen:latest'] } });
    await expect(failing).rejects.toThrow('openai does not answer.');
  });

  test('a model that came a moment ago is found although the list was kept', async () => {
    const here = ['old'];
    const resolver = resolverOver({ ollama: () => [...here] });
    await resolver.resolve('old');
    here.push('new');
    expect(await resolver.resolve('new')).toMatchObject({ model: 'new' });
  });
});

test.each([
  ['gpt4o', ['openai/gpt-4o', 'openai/o1', 'ollama/zephyr'], ['openai/gpt-4o']],
  ['qwen', ['ollama/qwen2.5:0.5b', 'x/y'], ['ollama/qwen2.5:0.5b']],
  ['zzz', ['openai/gpt-4o'], []],
])('nearestNames of %s', (name, candidates, expected) => {
  expect(nearestNames(name, candidates)).toEqual(expected);
});
