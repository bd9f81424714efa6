import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { childEnvironment, isLoopback, loadConfig, ownEnvironment } from './config.ts';

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ratchet-config-'));
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('loadConfig', () => {
  test('everything lies under the home folder unless it is set', () => {
    const config = loadConfig({ RATCHET_HOME: home, RATCHET_DATASETS_DIR: '/elsewhere' });
    expect(config).toMatchObject({
      dataDir: join(home, '.ratchet'),
      selectionFile: join(home, 'model_select.json'),
      datasetsDir: '/elsewhere',
      host: '127.0.0.1',
      apiKey: null,
    });
  });

  test('.env ranks below the environment, an empty value is none', () => {
    writeFileSync(join(home, '.env'), 'RATCHET_PORT=1234\nRATCHET_MODEL_PREFIX="mine-"\nOPENAI_API_KEY=\n');
    const config = loadConfig({ RATCHET_HOME: home, RATCHET_PORT: '4321' });
    expect(config).toMatchObject({ port: 4321, modelPrefix: 'mine-' });
  });

  test('names every bad setting at once', () => {
    const bad = { RATCHET_HOME: home, RATCHET_PORT: 'x', RATCHET_API_KEY: 'short', DATABASE_URL: 'mysql://x' };
    expect(() => loadConfig(bad)).toThrow(/RATCHET_PORT.*RATCHET_API_KEY.*DATABASE_URL/);
  });

  test('another host than loopback needs a key', () => {
    const open = { RATCHET_HOME: home, RATCHET_HOST: '0.0.0.0' };
    expect(() => loadConfig(open)).toThrow(/RATCHET_API_KEY/);
    expect(loadConfig({ ...open, RATCHET_API_KEY: 'a-key-of-16-chars' }).host).toBe('0.0.0.0');
  });

  test.each([
    ['localhost:11434', 'http://localhost:11434'],
    ['http://box:1/', 'http://box:1'],
    ['0.0.0.0:11434', 'http://127.0.0.1:11434'],
  ])('Ollama at %s is %s', (given, url) => {
    expect(loadConfig({ RATCHET_HOME: home, OLLAMA_API_BASE: given, OLLAMA_BASE_URL: undefined }).ollamaUrl).toBe(url);
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['::1', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['127.0.0.1.example.org', false],
  ['10.0.0.1', false],
])('%s is loopback: %s', (host, loopback) => {
  expect(isLoopback(host)).toBe(loopback);
});

test('a child that is not ours gets no secret, one of ours gets the same settings', () => {
  process.env.SOME_API_KEY = 'secret';
  try {
    expect(childEnvironment({ EXTRA: '1' })).toMatchObject({ EXTRA: '1', PATH: process.env.PATH });
    expect(childEnvironment()).not.toHaveProperty('SOME_API_KEY');
  } finally {
    delete process.env.SOME_API_KEY;
  }
  const config = loadConfig({ RATCHET_HOME: home, RATCHET_PORT: '4321' });
  expect(loadConfig(ownEnvironment(config))).toEqual(config);
});
