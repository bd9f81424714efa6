import { describe, expect, test } from 'vitest';
import { defaultSettings, parseSettings } from './settings.ts';

const parse = (value: unknown) => parseSettings(JSON.stringify(value), 'ratchet.json');

test('a whole file', () => {
  const settings = parse({
    $schema: 'x',
    providers: { openai: { record: 'meta', train: true, egress: 'deny', locality: 'local' } },
    routes: { fast: { model: 'ollama/a', fallback: ['openai/b', 'active'], egress: 'allow', record: 'none' } },
    retention: { days: 30 },
    prices: { 'openai/b': { input: 0.15, output: 0.6, cached_input: 0.075 }, 'x*': { input: 1, output: 2 } },
  });
  expect(settings.providers.get('openai')).toEqual({ record: 'meta', train: true, egress: 'deny', locality: 'local' });
  expect(settings.routes.get('fast')).toEqual({
    model: 'ollama/a',
    fallback: ['openai/b', 'active'],
    egress: 'allow',
    record: 'none',
  });
  expect(settings.retention.days).toBe(30);
  expect(settings.prices.get('openai/b')).toEqual({ input: 0.15, output: 0.6, cachedInput: 0.075 });
  expect(settings.prices.get('x*')).toEqual({ input: 1, output: 2 });
});

test('an empty file, with the mark that some editors put before it, means the defaults', () => {
  expect(parseSettings('\uFEFF{}', 'f')).toEqual(defaultSettings);
  expect(defaultSettings.retention.days).toBeNull();
});

test('a route keeps chats here unless it says otherwise', () => {
  expect(parse({ routes: { r: { model: 'a/b' } } }).routes.get('r')).toEqual({
    model: 'a/b',
    fallback: [],
    egress: 'deny',
  });
});

test('names that every object has are no settings', () => {
  for (const name of ['constructor', 'toString', '__proto__']) {
    expect(defaultSettings.routes.get(name)).toBeUndefined();
    expect(defaultSettings.providers.get(name)).toBeUndefined();
  }
});

describe('a fault is named with its place', () => {
  test.each<[unknown, RegExp]>([
    [[], /expected object/],
    [{ provider: {} }, /Unrecognized key: "provider"/],
    [{ providers: { openai: { record: 'some' } } }, /providers\.openai\.record: .*"all"\|"meta"\|"none"/],
    [{ providers: { openai: { train: 'yes' } } }, /providers\.openai\.train: .*boolean/],
    [{ providers: { openai: { egress: 'allow' } } }, /providers\.openai\.egress: .*"deny"/],
    [{ providers: { 'open ai': {} } }, /providers\.open ai: name a provider as/],
    [{ routes: { r: {} } }, /routes\.r\.model: /],
    [{ routes: { r: { model: 'a/b', fallbacks: [] } } }, /routes\.r: Unrecognized key: "fallbacks"/],
    [{ routes: { active: { model: 'a/b' } } }, /routes\.active: "active" is the selected model/],
    [{ routes: { 'a/b': { model: 'a/b' } } }, /routes\.a\/b: a route is named with letters/],
    [
      { routes: { a: { model: 'x/y', fallback: ['b'] } } },
      /routes\.a\.fallback\.0: write the model as "provider\/model"/,
    ],
    [{ routes: { a: { model: 'a' } } }, /routes\.a\.model: write the model as "provider\/model"/],
    [{ routes: { a: { model: '' } } }, /routes\.a\.model: /],
    [{ routes: { a: { model: 'ollama/' } } }, /routes\.a\.model: /],
    [{ retention: { days: 0 } }, /retention\.days: /],
    [{ retention: { days: '30' } }, /retention\.days: .*number/],
    [{ gpu: { lease: 'yes' } }, /gpu\.lease: .*"auto"\|"always"\|"never"/],
    [{ gpu: { wait_seconds: -1 } }, /gpu\.wait_seconds: /],
    [{ gpu: { need_gb: 0 } }, /gpu\.need_gb: /],
    [{ providers: { vllm: { gpu: 'no' } } }, /providers\.vllm\.gpu: .*boolean/],
    [{ prices: { m: { input: 1 } } }, /prices\.m\.output: /],
    [{ prices: { m: { input: -1, output: 1 } } }, /prices\.m\.input: /],
    [{ prices: { m: { input: '1', output: 1 } } }, /prices\.m\.input: .*number/],
  ])('%j', (value, message) => {
    expect(() => parse(value)).toThrow(message);
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: 'InvalidInput' }));
  });

  test('all at once', () => {
    expect(() => parse({ retention: { days: -1 }, providers: { a: { train: 1 } } })).toThrow(
      /^Correct ratchet\.json: providers\.a\.train: .*; retention\.days: .*\.$/,
    );
  });

  test('what is not JSON says where', () => {
    expect(() => parseSettings('{"a": }', 'ratchet.json')).toThrow(
      /^ratchet\.json is not valid JSON \(.*\): correct it\.$/,
    );
  });
});
