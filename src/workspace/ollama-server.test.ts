import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../config.ts';
import { listensAt, reachedAt, serverVariables } from '../core/ollama-server.ts';
import { ollamaServerFaults, ollamaStart } from './ollama-server.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ratchet-ollama-server-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** The configuration of a home folder with these lines in its `.env`. */
function configOf(lines: Record<string, string>, given: Record<string, string> = {}) {
  const text = Object.entries(lines).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(home, '.env'), text.join(''));
  return loadConfig({ RATCHET_HOME: home, ...given });
}

describe('an Ollama that is started here', () => {
  test('is given what .env and the environment say of it, the environment first', () => {
    const config = configOf({ OLLAMA_KEEP_ALIVE: '10m', OLLAMA_NUM_PARALLEL: '4' }, { OLLAMA_KEEP_ALIVE: '1h' });
    const { env, warning } = ollamaStart(config);
    expect(env).toMatchObject({
      OLLAMA_KEEP_ALIVE: '1h',
      OLLAMA_NUM_PARALLEL: '4',
      OLLAMA_HOST: '127.0.0.1:11434',
      OLLAMA_NO_CLOUD: '1',
    });
    expect(warning).toBeNull();
  });

  test('is given every variable that it reads', () => {
    const { env } = ollamaStart(configOf(Object.fromEntries(serverVariables.map(({ name }) => [name, '1']))));
    const ours = new Set(['OLLAMA_HOST', 'OLLAMA_MODELS']);
    for (const { name } of serverVariables) if (!ours.has(name)) expect(env[name], name).toBe('1');
  });

  test.each([
    [{}, '127.0.0.1:11434', null],
    [{ OLLAMA_BASE_URL: 'http://127.0.0.1:5000' }, '127.0.0.1:5000', null],
    [{ OLLAMA_BASE_URL: 'http://localhost:5000/' }, 'localhost:5000', null],
    [{ OLLAMA_HOST: ':5000' }, '127.0.0.1:5000', null],
    [{ OLLAMA_HOST: '0.0.0.0' }, '0.0.0.0:11434', 'Ollama listens at 0.0.0.0:11434, by OLLAMA_HOST'],
    [{ OLLAMA_HOST: '0.0.0.0:5000' }, '0.0.0.0:5000', 'Ollama listens at 0.0.0.0:5000, by OLLAMA_HOST'],
    // It is looked for elsewhere: what is started is started there, for this machine only.
    [{ OLLAMA_HOST: '0.0.0.0:5000', OLLAMA_BASE_URL: 'http://127.0.0.1:6000' }, '127.0.0.1:6000', null],
  ])('with %j listens at %s', (lines, address, warning) => {
    const start = ollamaStart(configOf(lines));
    expect(start.env.OLLAMA_HOST).toBe(address);
    expect(start.warning).toEqual(warning === null ? null : (expect.stringContaining(warning) as string));
  });

  test.each(['http://192.0.2.7:11434', 'https://ollama.example'])('is none where %s is another machine’s', (url) => {
    expect(() => ollamaStart(configOf({ OLLAMA_BASE_URL: url }))).toThrow(
      `Ollama does not answer at ${url}, which is not this machine: start it there`,
    );
  });

  test.each([
    ['models', () => join(home, 'models')],
    ['/srv/models', () => '/srv/models'],
    ['~/models', () => join(homedir(), 'models')],
  ])('has its models in %s', (folder, path) => {
    expect(ollamaStart(configOf({ OLLAMA_MODELS: folder })).env.OLLAMA_MODELS).toBe(path());
    expect(ollamaStart(configOf({ OLLAMA_MODELS: folder }), '/other').env.OLLAMA_MODELS).toBe('/other');
  });

  test('answers from the cloud only where that is said', () => {
    expect(ollamaStart(configOf({ OLLAMA_NO_CLOUD: '0' })).env.OLLAMA_NO_CLOUD).toBe('0');
  });
});

test.each([
  ['', '127.0.0.1', '11434', 'http://127.0.0.1:11434'],
  ['0.0.0.0', '0.0.0.0', '11434', 'http://127.0.0.1:11434'],
  [':8080', '127.0.0.1', '8080', 'http://127.0.0.1:8080'],
  ['gpu-box', 'gpu-box', '11434', 'http://gpu-box:11434'],
  ['http://gpu-box', 'gpu-box', '80', 'http://gpu-box:80'],
  ['https://gpu-box/', 'gpu-box', '443', 'https://gpu-box:443'],
  ['[::]:5000', '[::]', '5000', 'http://127.0.0.1:5000'],
  ['[::1]', '[::1]', '11434', 'http://[::1]:11434'],
])('OLLAMA_HOST=%s is read as Ollama reads it', (value, host, port, url) => {
  expect(listensAt(value)).toEqual({ host, port });
  expect(reachedAt(value)).toBe(url);
});

test('where Ollama listens is where it is reached, unless that is said', () => {
  const config = configOf({ OLLAMA_HOST: '0.0.0.0:5000' });
  expect(config.ollamaUrl).toBe('http://127.0.0.1:5000');
  expect(config.variable('OLLAMA_BASE_URL')).toBe('http://127.0.0.1:5000');
  expect(config.variableSource('OLLAMA_BASE_URL')).toBe('.env');
  const other = configOf({ OLLAMA_HOST: '0.0.0.0:5000', OLLAMA_API_BASE: 'http://127.0.0.1:6000' });
  expect(other.ollamaUrl).toBe('http://127.0.0.1:6000');
});

test('values that Ollama would pass over in silence are told, with what to write', () => {
  const good = { OLLAMA_KEEP_ALIVE: '-1', OLLAMA_LOAD_TIMEOUT: '1h30m', OLLAMA_FLASH_ATTENTION: 'true' };
  expect(ollamaServerFaults(configOf(good))).toEqual([]);
  const bad = { OLLAMA_KEEP_ALIVE: 'long', OLLAMA_NUM_PARALLEL: '-2', OLLAMA_KV_CACHE_TYPE: 'q2' };
  const file = join(home, '.env');
  expect(ollamaServerFaults(configOf(bad))).toEqual([
    { level: 'warning', file, place: 'OLLAMA_KEEP_ALIVE', message: 'write a time such as 10m, 24h, 0, or -1 for ever' },
    { level: 'warning', file, place: 'OLLAMA_NUM_PARALLEL', message: 'write a whole number' },
    { level: 'warning', file, place: 'OLLAMA_KV_CACHE_TYPE', message: 'write f16, q8_0 or q4_0' },
  ]);
});
