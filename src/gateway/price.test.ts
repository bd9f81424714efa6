import { describe, expect, test } from 'vitest';
import { type Price, type Settings, defaultSettings } from '../core/settings.ts';
import { costOf, createPrices, readUsage } from './price.ts';

const remote = { name: 'openai', locality: 'remote' } as const;
const local = { name: 'ollama', locality: 'local' } as const;
const usage = (promptTokens: number | null, completionTokens: number | null, cachedTokens = 0) => ({
  promptTokens,
  completionTokens,
  cachedTokens,
});

function pricesWith(own: Record<string, Price> = {}) {
  const told: unknown[] = [];
  let settings: Settings = { ...defaultSettings, prices: new Map(Object.entries(own)) };
  const log = { warn: (facts: Record<string, unknown>) => void told.push(facts.model) };
  const prices = createPrices({ settings: () => settings, log });
  const change = (next: Record<string, Price>) => {
    settings = { ...settings, prices: new Map(Object.entries(next)) };
  };
  return { prices, told, change };
}

describe('what a million tokens in and a million out cost, in dollars', () => {
  test.each([
    ['gpt-4o-mini', 0.15, 0.6],
    ['gpt-4o', 5, 15],
    ['gpt-4-turbo', 10, 30],
    ['claude-3-sonnet', 3, 15],
    ['gpt-4o-mini-2024-07-18', 0.15, 0.6],
    ['gpt-4o-2024-08-06', 5, 15],
    ['gpt-4o-latest', 5, 15],
    ['claude-3-sonnet-20240229', 3, 15],
    ['claude-3-sonnet@20240229', 3, 15],
    ['openai/gpt-4o-mini', 0.15, 0.6],
  ])('%s', (model, input, output) => {
    const { prices, told } = pricesWith();
    expect(prices.cost(remote, model, usage(1_000_000, 0))).toBe(input * 1e9);
    expect(prices.cost(remote, model, usage(0, 1_000_000))).toBe(output * 1e9);
    expect(told).toEqual([]);
  });

  test('a local model costs nothing, whatever it is called', () => {
    const { prices } = pricesWith({ 'gpt-4o': { input: 1, output: 1 }, '*': { input: 9, output: 9 } });
    for (const model of ['qwen2.5:0.5b', 'gpt-4o']) expect(prices.cost(local, model, usage(10, 10))).toBe(0);
  });

  test('unless a line names its provider: electricity is not free either', () => {
    const { prices } = pricesWith({ 'ollama/*': { input: 0.01, output: 0.02 } });
    expect(prices.cost(local, 'qwen2.5:0.5b', usage(1_000, 1_000))).toBe(30_000);
  });
});

describe('a model that no table names', () => {
  test.each(['gpt-4o-audio-preview', 'gpt-4', 'o3', 'gpt-4o-mini-tts', 'my-gpt-4o', ''])('%j', (model) => {
    const { prices, told } = pricesWith();
    expect(prices.cost(remote, model, usage(10, 10))).toBeNull();
    expect(told).toEqual([]);
    for (let call = 0; call < 2; call++) prices.missed('openai', model);
    expect(told).toEqual([`openai/${model}`]);
    expect(prices.unpriced()).toEqual([{ ref: `openai/${model}`, calls: 2 }]);
  });

  test('made-up names do not fill the memory', () => {
    const { prices, told } = pricesWith();
    for (let n = 0; n < 5_000; n++) prices.missed('openai', `made-up-${n}`);
    expect(prices.unpriced()).toHaveLength(1_000);
    expect(told).toHaveLength(1_000);
  });
});

describe("the users' lines", () => {
  const at = (input: number): Price => ({ input, output: 0 });
  test.each<[Record<string, Price>, string, number]>([
    [{ 'gpt-4o': at(1) }, 'gpt-4o', 1],
    [{ 'gpt-4o': at(1) }, 'gpt-4o-2024-08-06', 1],
    [{ 'gpt-4o': at(1) }, 'gpt-4o-mini', 0.15],
    [{ 'gpt-4o': at(1), 'openai/gpt-4o': at(2) }, 'gpt-4o', 2],
    [{ 'openai/gpt-4o': at(2), 'gpt-4o-2024-08-06': at(3) }, 'gpt-4o-2024-08-06', 3],
    [{ 'gpt-*': at(1), 'gpt-4*': at(2), '*': at(3) }, 'gpt-4o', 2],
    [{ 'gpt-*': at(1), '*': at(3) }, 'llama', 3],
    [{ 'openai/*': at(4) }, 'anything', 4],
    [{ 'openai/*-mini': at(4), '*': at(5) }, 'o3-mini', 4],
    [{ 'gpt-4o*': at(6), 'gpt-4o': at(1) }, 'gpt-4o', 1],
    [{ 'a*a': at(7), '*': at(8) }, 'a', 8],
  ])('%j for %s', (own, model, input) => {
    expect(pricesWith(own).prices.find(remote, model)?.price.input).toBe(input);
  });

  test('count from the moment they change', () => {
    const { prices, change } = pricesWith();
    expect(prices.cost(remote, 'gpt-4o', usage(1, 0))).toBe(5_000);
    change({ 'gpt-4o': at(2.5) });
    expect(prices.cost(remote, 'gpt-4o', usage(1, 0))).toBe(2_500);
    expect(prices.list()).toContainEqual({ key: 'gpt-4o', price: at(2.5), source: 'settings' });
    expect(prices.list().filter(({ key }) => key === 'gpt-4o')).toHaveLength(1);
    change({});
    expect(prices.cost(remote, 'gpt-4o', usage(1, 0))).toBe(5_000);
  });
});

describe('costOf', () => {
  test.each([
    [usage(1, 0), { input: 0.15, output: 0 }, 150],
    [usage(1, 1), { input: 0.0005, output: 0 }, 1],
    [usage(1, 1), { input: 0.00049, output: 0 }, 0],
    [usage(3, 0), { input: 0.0375, output: 0 }, 113],
    [usage(1_000_000, 0), { input: 0.0123, output: 0 }, 12_300_000],
    [usage(100, 10, 60), { input: 2, output: 8, cachedInput: 0.5 }, 40 * 2_000 + 60 * 500 + 80_000],
    [usage(100, 10, 60), { input: 2, output: 8 }, 280_000],
    [usage(100, 0, 500), { input: 2, output: 8, cachedInput: 0 }, 0],
    [usage(null, 5), { input: 1, output: 1 }, null],
    [usage(5, null), { input: 1, output: 1 }, null],
    [usage(0, 0), { input: 1, output: 1 }, 0],
  ])('%j at %j', (tokens, price, nanos) => {
    expect(costOf(tokens, price)).toBe(nanos);
  });
});

describe('readUsage', () => {
  test.each([
    [{ prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 }, usage(7, 3)],
    [{ prompt_tokens: 7, total_tokens: 7 }, usage(7, 0)],
    [{ prompt_tokens: 7, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 5 } }, usage(7, 3, 5)],
    [{ prompt_tokens: 7, prompt_tokens_details: null }, usage(7, null)],
    [{ prompt_tokens: -1, completion_tokens: 1.5 }, usage(null, null)],
    [{ prompt_tokens: '7' }, usage(null, null)],
    [null, usage(null, null)],
  ])('%j', (reported, expected) => {
    expect(readUsage({ usage: reported })).toEqual(expected);
  });

  test('an answer that never came', () => expect(readUsage(null)).toEqual(usage(null, null)));
});
