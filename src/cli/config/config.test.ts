import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadConfig, packageRoot } from '../../config.ts';
import { parseSettings } from '../../core/settings.ts';
import type { ProviderDefinition, ProviderInstance } from '../../providers/definition.ts';
import { providersOf } from '../../providers/instances.ts';
import { kinds } from '../../providers/kinds/all.ts';
import { kindFaults } from '../../providers/known.ts';
import { openAiCompatible } from '../../providers/openai.ts';
import { providerVariables } from '../../workspace/variables.ts';
import { noOwnProviders } from '../../providers/own.ts';
import { readKnown } from './known.ts';
import { settingLines } from './lines.ts';
import { modelLines } from './model-lines.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ratchet-explained-'));
  vi.stubEnv('RATCHET_HOME', home);
  for (const name of [...providerVariables().map(({ name }) => name), 'LLM_MODEL', 'LLM_FALLBACK_MODEL'])
    vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

function write(name: string, value: unknown): void {
  const file = join(home, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value), { mode: 0o600 });
}

/** One setting in short: its value, and where it comes from. */
function found(path: string, lines = settingLines(readKnown())): [unknown, string] | undefined {
  const line = lines.find((one) => one.path === path);
  return line && [line.value, line.place === '' ? line.source : line.place];
}

test('without any file every default is told', () => {
  for (const [path, value, source] of [
    ['active', null, 'default'],
    ['routing.retries', 2, 'default'],
    ['routing.fallback', [], 'default'],
    ['retention.days', null, 'default'],
    ['gpu.lease', 'auto', 'default'],
    ['gpu.cpu_gb', null, 'default'],
    ['providers.ollama.gpu', true, 'default'],
    ['providers.openai.gpu', false, 'default'],
    ['providers.ollama.train', true, 'default'],
    ['providers.openai.train', false, 'default'],
    ['providers.openai.base_url', 'https://api.openai.com/v1', 'OpenAI'],
    ['prices.gpt-4o', { input: 5, output: 15 }, 'default'],
    ['OPENAI_API_KEY', null, 'default'],
    ['RATCHET_PORT', '7777', 'default'],
  ] as const) {
    expect([path, found(path)]).toEqual([path, [value, source]]);
  }
});

test('request, model, provider, file, environment, kind: each is told where it has the word, and no secret is', () => {
  write('.env', 'OPENAI_API_KEY=secret-1\nOPENAI_API_BASE=http://old:1\nLLM_MODEL=gpt-4o\nLLM_FALLBACK_MODEL=groq/a\n');
  vi.stubEnv('OPENAI_BASE_URL', 'http://env:1');
  vi.stubEnv('TEAM_KEY', 'secret-2');
  write('ratchet.json', {
    providers: {
      openai: { base_url: 'http://file:1', train: true },
      team: { kind: 'openai', base_url: 'http://team:1', api_key_env: 'TEAM_KEY', retries: 0, options: { a: 1, b: 1 } },
    },
    models: { 'team/m': { options: { b: 2 }, context: 99, abilities: { tools: false } } },
    routing: { retries: 4 },
    aliases: { 'my.alias': 'team/m' },
    prices: { 'team/m': { input: 1, output: 2, cached_input: 0 } },
  });
  write('.ratchet/provider-keys.json', { groq: 'secret-3' });
  const lines = settingLines(readKnown());
  for (const [path, value, source] of [
    ['active', 'openai/gpt-4o', 'LLM_MODEL (.env)'],
    ['routing.fallback', ['groq/a'], 'LLM_FALLBACK_MODEL (.env)'],
    ['routing.retries', 4, 'ratchet.json: routing.retries'],
    ['providers.openai.base_url', 'http://file:1', 'ratchet.json: providers.openai.base_url'],
    ['providers.openai.key', '(set)', 'OPENAI_API_KEY (.env)'],
    ['providers.openai.train', true, 'ratchet.json: providers.openai.train'],
    ['providers.team.key', '(set)', 'TEAM_KEY (environment)'],
    ['providers.team.retries', 0, 'ratchet.json: providers.team.retries'],
    ['providers.groq.retries', 4, 'ratchet.json: routing.retries'],
    ['providers.groq.key', '(set)', 'provider-keys.json'],
    ['aliases.my.alias', 'team/m', 'ratchet.json: aliases.my.alias'],
    ['OPENAI_BASE_URL', 'http://env:1', 'environment'],
  ] as const) {
    expect([path, found(path, lines)]).toEqual([path, [value, source]]);
  }
  const baseUrl = lines.find(({ path }) => path === 'providers.openai.base_url');
  expect(baseUrl?.over).toEqual(['OPENAI_BASE_URL (environment)', 'OPENAI_API_BASE (.env)']);
  const model = modelLines(readKnown(), 'my.alias');
  for (const [path, value, source] of [
    ['model', 'team/m', 'my.alias'],
    ['options.a', 1, 'ratchet.json: providers.team.options.a'],
    ['options.b', 2, 'ratchet.json: models.team/m.options.b'],
    ['retries', 0, 'ratchet.json: providers.team.retries'],
    ['context', 99, 'ratchet.json: models.team/m.context'],
    ['abilities.tools', false, 'ratchet.json: models.team/m.abilities.tools'],
    ['price', { input: 1, output: 2, cached_input: 0 }, 'ratchet.json: prices.team/m'],
  ] as const) {
    expect([path, found(path, model)]).toEqual([path, [value, source]]);
  }
  expect(JSON.stringify([lines, model])).not.toContain('secret');
});

test('a selection goes before the environment; the catalogue names models', () => {
  vi.stubEnv('LLM_MODEL', 'gpt-4o');
  write('model_select.json', { provider: 'ollama', model: 'a', api_key: 'secret' });
  write('models_config.json', { models: [{ localname: 'Quick', provider: 'groq', model: 'b', api_key: 'secret' }] });
  expect(found('active')).toEqual(['ollama/a', 'model_select.json']);
  expect(found('catalogue.Quick')).toEqual(['groq/b', 'models_config.json']);
  expect(modelLines(readKnown(), 'active')[0]?.value).toBe('ollama/a');
  expect(modelLines(readKnown(), 'Quick')[0]?.value).toBe('groq/b');
  expect(modelLines(readKnown(), 'gpt-4o')[0]?.value).toBe('openai/gpt-4o');
  expect(() => modelLines(readKnown(), 'llama3')).toThrow('write it as "provider/model"');
  expect(JSON.stringify(settingLines(readKnown()))).not.toContain('secret');
});

test('files that are bad are told, and the rest is shown with the defaults', () => {
  write('ratchet.json', '{');
  write('model_select.json', '[]');
  const known = readKnown();
  expect(known.faults.map(({ file }) => file.replace(`${home}/`, ''))).toEqual(['ratchet.json', 'model_select.json']);
  expect(found('routing.retries')).toEqual([2, 'default']);
});

test('the example of the manual holds, and shows every part of the file', () => {
  const manual = readFileSync(join(packageRoot, 'docs/settings.md'), 'utf8');
  const example = /```json\n(.*?)```/s.exec(manual)?.[1] ?? '';
  const settings = parseSettings(example, 'docs/settings.md', {}, (value) => kindFaults(value, kinds));
  expect([...settings.providers.keys()]).toContain('gpu-box');
  const parts = Object.keys(JSON.parse(example) as object);
  expect(parts).toEqual(['providers', 'models', 'aliases', 'routes', 'routing', 'retention', 'prices']);
});

describe('what is told is what a provider is made of', () => {
  const text = fc.option(fc.constantFrom('http://a:1', 'http://b:2/v1'), { nil: undefined });
  const key = fc.option(fc.constantFrom('key-1', 'key-2'), { nil: undefined });
  const json = fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.nat(5));

  test('base URL, key and options, whatever was said', () => {
    const made = new Map<string, ProviderInstance>();
    const odd: ProviderDefinition = {
      kind: 'odd',
      title: 'Odd',
      baseUrl: 'http://kind:9',
      baseUrlVariables: ['ODD_URL', 'ODD_BASE'],
      apiKeyVariables: ['ODD_KEY'],
      create: (instance) => {
        made.set(instance.name, instance);
        return openAiCompatible(instance);
      },
    };
    const said = fc.record({ base_url: text, api_key_env: fc.constantFrom(undefined, 'OTHER_KEY'), options: json });
    const all = fc.record({ first: said, second: said, ofModel: json, url: text, base: text, own: key, other: key });
    fc.assert(
      fc.property(all, ({ first, second, ofModel, url, base, own, other }) => {
        const variables = { ODD_URL: url, ODD_BASE: base, ODD_KEY: own, OTHER_KEY: other };
        for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
        const providers = { odd: first, two: { ...second, kind: 'odd' } };
        write('ratchet.json', { providers, models: { 'two/m': { options: ofModel } } });
        const definitions = [...kinds, odd];
        const settings = parseSettings(readFileSync(join(home, 'ratchet.json'), 'utf8'), 'f');
        providersOf({ config: loadConfig(), settings, definitions });
        const known = readKnown({ ...noOwnProviders, definitions: [odd] });
        const lines = settingLines(known);
        for (const [name, instance] of made) {
          expect(found(`providers.${name}.base_url`, lines)?.[0]).toBe(instance.baseUrl);
          expect(found(`providers.${name}.key`, lines)?.[0]).toBe(instance.apiKey() === null ? null : '(set)');
        }
        const options = modelLines(known, 'two/m').flatMap(({ path, value }) =>
          path.startsWith('options.') ? [[path.slice('options.'.length), value]] : [],
        );
        expect(Object.fromEntries(options)).toEqual(made.get('two')?.options('m'));
      }),
      { numRuns: 60 },
    );
  });
});
