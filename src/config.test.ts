import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  childEnvironment,
  explainVariables,
  exportOtelSettings,
  isLoopback,
  loadConfig,
  ownEnvironment,
  readConfig,
} from './config.ts';

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
    expect(() => loadConfig(bad)).toThrow(
      /^Correct these 3 settings, then start again:\n {2}environment: RATCHET_PORT: .*\n.* RATCHET_API_KEY: .*\n.* DATABASE_URL: /,
    );
  });

  test.each(['http://me:secret-word@host/v1', 'me:secret-word@host', '//me@host'])(
    'a base URL with a login is refused without saying it: %s',
    (url) => {
      const load = () =>
        loadConfig({ RATCHET_HOME: home, OPENAI_BASE_URL: url.includes('//') ? url : `http://${url}` });
      expect(load).toThrow(/OPENAI_BASE_URL: it must not hold a user name or password/);
      expect(load).not.toThrow(/secret-word/);
    },
  );

  test('every variable is explained with where it comes from, and no secret is told', () => {
    writeFileSync(join(home, '.env'), 'RATCHET_PORT=1234\nOPENAI_API_KEY=secret-one\nRATCHET_LOG_LEVEL=warn\n');
    vi.stubEnv('RATCHET_LOG_LEVEL', 'error');
    vi.stubEnv('RATCHET_PORT', undefined);
    vi.stubEnv('OPENAI_API_KEY', undefined);
    vi.stubEnv('DATABASE_URL', 'postgres://me:secret-two@host/db');
    vi.stubEnv('GROQ_API_KEY', 'secret-four');
    vi.stubEnv('GROQ_API_BASE', undefined);
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://me:secret-three@host');
    const explained = explainVariables(loadConfig({ RATCHET_HOME: home }), ['GROQ_API_KEY', 'GROQ_API_BASE']);
    vi.unstubAllEnvs();
    for (const line of [
      { name: 'RATCHET_PORT', value: '1234', source: '.env' },
      { name: 'RATCHET_LOG_LEVEL', value: 'error', source: 'environment' },
      { name: 'RATCHET_HOST', value: '127.0.0.1', source: 'default' },
      { name: 'OPENAI_API_KEY', value: '(set)', source: '.env' },
      { name: 'DATABASE_URL', value: '(set)', source: 'environment' },
      { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://(set)@host', source: 'environment' },
      { name: 'GROQ_API_KEY', value: '(set)', source: 'environment' },
      { name: 'GROQ_API_BASE', value: null, source: 'default' },
    ]) {
      expect(explained).toContainEqual(line);
    }
    expect(JSON.stringify(explained)).not.toMatch('secret-');
  });

  test.each([
    ['openai/gpt-4o-mini', true],
    ['azure/gpt-4', true],
    ['anthropic/claude-3-sonnet', true],
    ['lm_studio/local-model', true],
    ['ollama/llama3', true],
    ['huggingface/meta-llama/Llama-3.1-8B', true],
    ['gpt-4o-mini', true],
    ['o3-mini', true],
    ['claude-3-sonnet', true],
    ['llama3.1:8b', false],
    ['/gpt-4', false],
    ['openai/', false],
  ])('LLM_MODEL=%s is taken: %s', (model, taken) => {
    const { config, faults } = readConfig({ RATCHET_HOME: home, LLM_MODEL: model, LLM_FALLBACK_MODEL: model });
    expect(config).toMatchObject({ llmModel: taken ? model : null, llmFallbackModel: taken ? model : null });
    expect(faults.map(({ place }) => place)).toEqual(taken ? [] : ['LLM_MODEL', 'LLM_FALLBACK_MODEL']);
  });

  test('faults of .env are told with its path and line, and nothing of what stands there', () => {
    const text = '# mine\nRATCHET_PORT=many\nsk-a-pasted-secret\nexport LLM_MODEL="ollama/a"\nX="a\nb"\nmore secret\n';
    writeFileSync(join(home, '.env'), text);
    const { config, faults } = readConfig({ RATCHET_HOME: home });
    const file = join(home, '.env');
    expect(faults).toEqual([
      { level: 'fault', file, place: 'line 3', message: 'write it as NAME=value, or begin it with "#"' },
      { level: 'fault', file, place: 'line 7', message: 'write it as NAME=value, or begin it with "#"' },
      { level: 'fault', file, place: 'RATCHET_PORT', message: expect.any(String) as string },
    ]);
    expect(config).toMatchObject({ llmModel: 'ollama/a', port: 7777 });
    expect(() => loadConfig({ RATCHET_HOME: home })).toThrow(/^(?![^]*secret)[^]*line 3/);
  });

  test.each([
    [{}, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', OTEL_SDK_DISABLED: 'TRUE' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', OTEL_TRACES_EXPORTER: 'none' }, false],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, false],
  ])('traces are wanted when an endpoint is set and nothing says no: %j', (variables, wanted) => {
    expect(loadConfig({ RATCHET_HOME: home, ...variables }).traces).toBe(wanted);
  });

  test("OpenTelemetry's variables may stand in .env as well, below the environment", () => {
    writeFileSync(join(home, '.env'), 'OTEL_SERVICE_NAME=mine\nOTEL_BSP_SCHEDULE_DELAY=1\nOPENAI_API_KEY=secret\n');
    vi.stubEnv('OTEL_SERVICE_NAME', 'theirs');
    vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', undefined);
    vi.stubEnv('OPENAI_API_KEY', undefined);
    exportOtelSettings({ home });
    expect(process.env).toMatchObject({ OTEL_SERVICE_NAME: 'theirs', OTEL_BSP_SCHEDULE_DELAY: '1' });
    expect(process.env['OPENAI_API_KEY']).toBeUndefined();
    vi.unstubAllEnvs();
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
    process.env.OTEL_EXPORTER_OTLP_HEADERS = 'authorization=Bearer secret';
    expect(childEnvironment()).not.toHaveProperty('OTEL_EXPORTER_OTLP_HEADERS');
  } finally {
    delete process.env.OTEL_EXPORTER_OTLP_HEADERS;
    delete process.env.SOME_API_KEY;
  }
  const config = loadConfig({ RATCHET_HOME: home, RATCHET_PORT: '4321', LLM_MODEL: 'gpt-4o' });
  const facts = (all: typeof config) => ({ ...all, variable: null, variableSource: null });
  expect(facts(loadConfig(ownEnvironment(config)))).toEqual(facts(config));
});
