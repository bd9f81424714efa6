import { describe, expect, test } from 'vitest';
import type { ModelFacts } from '../core/capabilities.ts';
import { parseSettings } from '../core/settings.ts';
import type { Provider } from '../providers/types.ts';
import { createCapabilities } from './capabilities.ts';

const { signal } = new AbortController();

interface Fake {
  provider: Provider;
  /** Models that were asked about, in order. */
  asked: string[];
}

/** A provider that tells what it is given; what is not given fails. */
function telling(name: string, told: Record<string, ModelFacts | null>, more: Partial<Provider> = {}): Fake {
  const asked: string[] = [];
  const provider: Provider = {
    name,
    kind: name,
    locality: 'local',
    reportsUsage: true,
    setUp: () => ({ state: 'given' }),
    call: () => Promise.reject(new Error('nobody is asked')),
    listModels: async () => Object.keys(told),
    health: async () => ({ state: 'green', reason: '' }),
    async describe(model) {
      asked.push(model);
      const facts = told[model];
      if (facts === undefined) throw new Error('it does not tell');
      return facts;
    },
    ...more,
  };
  return { provider, asked };
}

function open(file: object = {}) {
  let settings = parseSettings(JSON.stringify(file), 'ratchet.json');
  const clock = { now: 0 };
  const capabilities = createCapabilities({ settings: () => settings, now: () => clock.now });
  return {
    capabilities,
    clock,
    write: (next: object) => (settings = parseSettings(JSON.stringify(next), 'ratchet.json')),
  };
}

const noTools = { abilities: { tools: false }, context: 512 };

describe('what is known', () => {
  test('nothing at first, and what was told afterwards, without anybody waiting', async () => {
    const { provider, asked } = telling('box', { tiny: noTools });
    const { capabilities } = open();
    expect(capabilities.facts(provider, 'tiny')).toEqual({ abilities: {}, lacks: [] });
    expect(asked).toEqual(['tiny']);
    await capabilities.learn(provider, ['tiny'], signal);
    expect(capabilities.facts(provider, 'tiny')).toEqual({ ...noTools, lacks: ['tools'] });
    expect(asked).toEqual(['tiny']);
  });

  test('settings have the last word, at once, then what is told, then the kind', async () => {
    const facts = { abilities: { embeddings: false, tools: true } };
    const { provider } = telling('box', { tiny: noTools }, { facts });
    const { capabilities, write } = open();
    expect(capabilities.facts(provider, 'tiny')).toMatchObject({ ...facts, lacks: ['embeddings'] });
    await capabilities.learn(provider, ['tiny'], signal);
    expect(capabilities.facts(provider, 'tiny').abilities).toEqual({ embeddings: false, tools: false });
    write({ models: { 'box/tiny': { abilities: { tools: true }, context: 9 } } });
    expect(capabilities.facts(provider, 'tiny')).toEqual({
      abilities: { embeddings: false, tools: true },
      context: 9,
      lacks: ['embeddings'],
    });
  });

  test.each([
    ['ollama/tiny', 'tiny:latest'],
    ['ollama/tiny:latest', 'tiny'],
  ])('%s in the settings holds for %s', (ref, model) => {
    const { provider } = telling('ollama', {});
    const { capabilities } = open({ models: { [ref]: { context: 9 } } });
    expect(capabilities.facts(provider, model)).toMatchObject({ context: 9 });
  });

  test('it is believed for minutes, then asked for again; who does not tell is left alone for one', async () => {
    const { provider, asked } = telling('box', { tiny: noTools });
    const { capabilities, clock } = open();
    await capabilities.learn(provider, ['tiny', 'mute'], signal);
    expect(asked).toEqual(['tiny', 'mute']);
    clock.now += 61_000;
    await capabilities.learn(provider, ['tiny', 'mute'], signal);
    expect(asked).toEqual(['tiny', 'mute', 'mute']);
    clock.now += 300_000;
    capabilities.facts(provider, 'tiny');
    expect(asked.at(-1)).toBe('tiny');
    // What was known stays known meanwhile.
    expect(capabilities.facts(provider, 'tiny').lacks).toEqual(['tools']);
  });

  test('who is not set up is not asked, and who never tells is not either', async () => {
    const missing = telling('box', { tiny: noTools }, { setUp: () => ({ state: 'missing', hint: 'set a key' }) });
    const { describe: _describe, ...mute } = telling('mute', {}).provider;
    const { capabilities } = open();
    await capabilities.learn(missing.provider, ['tiny'], signal);
    await capabilities.learn(mute, ['tiny'], signal);
    expect(missing.asked).toEqual([]);
    expect(capabilities.facts(mute, 'tiny')).toEqual({ abilities: {}, lacks: [] });
  });

  test('a provider that was made anew is asked anew', async () => {
    const { capabilities } = open();
    const before = telling('box', { tiny: noTools });
    await capabilities.learn(before.provider, ['tiny'], signal);
    const after = telling('box', { tiny: { abilities: { tools: true } } });
    await capabilities.learn(after.provider, ['tiny'], signal);
    expect(capabilities.facts(after.provider, 'tiny').lacks).toEqual([]);
    expect(capabilities.able(['tools'], 0)).toEqual(['box/tiny']);
  });
});

test('who could do it: those that are listed, those on this machine first', async () => {
  const { capabilities } = open();
  const far = telling(
    'far',
    { big: { abilities: { tools: true, vision: true }, context: 100_000 } },
    { locality: 'remote' },
  );
  const near = telling('near', {
    small: { abilities: { tools: true }, context: 512 },
    vectors: { abilities: { chat: false, embeddings: true } },
    unknown: null,
  });
  await capabilities.learn(far.provider, ['big'], signal);
  await capabilities.learn(near.provider, ['small', 'vectors', 'unknown'], signal);
  expect(capabilities.able(['tools', 'chat', 'stream'], 0)).toEqual(['near/small', 'far/big']);
  expect(capabilities.able(['tools', 'vision'], 0)).toEqual(['far/big']);
  expect(capabilities.able(['tools'], 1_000)).toEqual(['far/big']);
  expect(capabilities.able(['embeddings'], 0)).toEqual(['near/vectors']);
  await capabilities.learn(near.provider, ['unknown'], signal);
  expect(capabilities.able(['tools'], 0)).toEqual(['far/big']);
});
