import { describe, expect, test } from 'vitest';
import { type Settings, parseSettings } from '../core/settings.ts';
import type { ProviderDefinition } from './definition.ts';
import { kinds } from './kinds/all.ts';
import { createLiveRegistry } from './live.ts';
import { openAiCompatible } from './openai.ts';

const settingsOf = (file: object): Settings => parseSettings(JSON.stringify(file), 'ratchet.json');

/** A kind that tells which of its providers were made, and which were closed. */
function countedKind() {
  const made: string[] = [];
  const closed: string[] = [];
  const definition: ProviderDefinition = {
    kind: 'counted',
    title: 'Counted',
    aliases: ['tallied'],
    baseUrl: 'http://127.0.0.1:9/v1',
    create: (instance) => {
      const at = instance.baseUrl;
      made.push(at);
      return { ...openAiCompatible(instance), close: async () => void closed.push(at) };
    },
  };
  return { definition, made, closed };
}

function liveOver(first: object, definitions: readonly ProviderDefinition[] = kinds, keys = new Map<string, string>()) {
  let settings = settingsOf(first);
  const registry = createLiveRegistry({
    config: { providerIdleMs: 0, variable: (name) => (name === 'NEAR_KEY' ? 'from-the-environment' : undefined) },
    keys: { get: (name) => keys.get(name) ?? null },
    settings: () => settings,
    definitions,
  });
  return { registry, write: (file: object) => (settings = settingsOf(file)) };
}

const near = { kind: 'openai', base_url: 'http://127.0.0.1:9/v1' };

describe('a change of the settings', () => {
  test('makes, moves and removes providers without a restart', () => {
    const { registry, write } = liveOver({});
    expect(registry.get('near')).toBeNull();
    write({ providers: { near } });
    expect(registry.split('near/x')).toMatchObject({ provider: { name: 'near', locality: 'local' }, model: 'x' });
    expect(registry.providers.map(({ name }) => name)).toContain('near');
    write({ providers: { near: { ...near, base_url: 'http://192.0.2.1/v1' } } });
    expect(registry.get('near')?.locality).toBe('remote');
    write({ providers: { near: { ...near, enabled: false }, ollama: { enabled: false } } });
    expect(registry.get('near')).toBeNull();
    expect(registry.split('ollama/x')).toBeNull();
    write({});
    expect(registry.split('ollama/x')).not.toBeNull();
  });

  test('keeps the provider that nothing was said about, and closes what is gone', async () => {
    const { definition, made, closed } = countedKind();
    const at = (port: number, more: object = {}) => ({
      kind: 'tallied',
      base_url: `http://127.0.0.1:${port}/v1`,
      ...more,
    });
    const { registry, write } = liveOver({ providers: { a: at(1), b: at(2) } }, [definition]);
    const [a, b] = [registry.get('a'), registry.get('b')];
    write({ providers: { a: at(1, { record: 'none', options: { x: 1 } }), b: at(3) } });
    expect(registry.get('a')).toBe(a);
    expect(registry.get('b')).not.toBe(b);
    expect(closed).toEqual(['http://127.0.0.1:2/v1']);
    await registry.close();
    expect(closed.toSorted()).toEqual(made.toSorted());
  });

  test('of a key’s variable, and a key that is kept or removed, show at once', () => {
    const keys = new Map<string, string>();
    const groq = { api_key_env: 'NEAR_KEY' };
    const { registry, write } = liveOver({}, kinds, keys);
    const state = (): string | undefined => registry.get('groq')?.setUp().state;
    expect(state()).toBe('missing');
    keys.set('groq', 'kept');
    expect(state()).toBe('given');
    keys.delete('groq');
    expect(state()).toBe('missing');
    write({ providers: { groq } });
    expect(state()).toBe('given');
  });
});

test('options are those in force when they are asked for', () => {
  const seen: (() => object)[] = [];
  const definition: ProviderDefinition = {
    kind: 'asks',
    title: 'Asks',
    baseUrl: 'http://127.0.0.1:9',
    create: (instance) => {
      seen.push(() => instance.options('m'));
      return openAiCompatible(instance);
    },
  };
  const { registry, write } = liveOver({ providers: { asks: { options: { a: 1, b: 1 } } } }, [definition]);
  expect(registry.get('asks')).not.toBeNull();
  write({ providers: { asks: { options: { a: 2, b: 2 } } }, models: { 'asks/m': { options: { b: 3 } } } });
  expect(registry.get('asks')).not.toBeNull();
  expect(seen.map((read) => read())).toEqual([{ a: 2, b: 3 }]);
});
