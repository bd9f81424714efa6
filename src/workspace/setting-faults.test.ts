import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { readConfig } from '../config.ts';
import { faultsError, tellFault } from '../core/setting-fault.ts';
import { kinds } from '../providers/kinds/all.ts';
import { findSettingFaults } from './setting-faults.ts';
import { providerVariables } from './variables.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ratchet-faults-'));
  for (const { name } of providerVariables()) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

function write(name: string, text: string, mode = 0o600): void {
  const file = join(home, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

/** Every fault in a line, its file without the folder. */
function faults(env: Record<string, string> = {}): string[] {
  const found = findSettingFaults(readConfig({ RATCHET_HOME: home, ...env }));
  return found.map((fault) => `${fault.level} ${tellFault(fault).replaceAll(`${home}/`, '')}`);
}

test('an empty home has none', () => {
  expect(faults()).toEqual([]);
});

test('every bad setting of all places is named at once, with its file, its place and what to do, and no key', () => {
  write('.env', 'RATCHET_PORT=many\nGROQ_API_KEY=your_groq_api_key_here\nOLLAMA_BASE_URL=ftp://secret\nHF_KEY=x\n');
  write('ratchet.json', '{"retention":{"days":-1},"providers":{"x":{"kind":"nope"}}}');
  write('models_config.json', '{"models":[{"provider":"ollama"}]}');
  write('model_select.json', '{"provider":"ollama","api_key":"secret"');
  write('.ratchet/provider-keys.json', '{"openai":"secret-key"}', 0o644);
  const found = faults({ LLM_MODEL: 'llama3', MISTRAL_API_KEY: 'secret with spaces' });
  expect(found).toEqual([
    expect.stringMatching(/^fault \.env: RATCHET_PORT: /),
    expect.stringMatching(/^fault environment: LLM_MODEL: write it as provider\/model, such as ollama\/llama3; /),
    'fault .env: OLLAMA_BASE_URL: write a URL that begins with http:// or https://',
    'fault .env: GROQ_API_KEY: put your key in place of the example, or remove the line',
    'fault environment: MISTRAL_API_KEY: write the key alone, without spaces or other signs',
    'warning .env: HF_KEY: nothing reads it; HF_TOKEN is read',
    expect.stringMatching(/^fault ratchet\.json: retention\.days: /),
    expect.stringMatching(/^fault ratchet\.json: providers\.x\.kind: /),
    'fault models_config.json: models.0: name its model',
    'fault model_select.json: it is not valid JSON (line 1, column 40)',
    expect.stringMatching(/^fault \.ratchet\/provider-keys\.json: may be read by others .* run "chmod 600 .*"$/),
  ]);
  expect(JSON.stringify(found)).not.toMatch(/secret/);
});

test.each<[string, string, string, Record<string, string>]>([
  [
    'ratchet.json',
    '{"providers":{"box":{"kind":"vlm"}}}',
    'fault ratchet.json: providers.box.kind: there is no kind "vlm": the nearest is "vllm"',
    {},
  ],
  [
    'ratchet.json',
    '{"providers":{"my-vllm":{"base_url":"localhost:8001"}}}',
    'fault ratchet.json: providers.my-vllm: there is no provider of that name: the nearest is "vllm"; one with a name',
    {},
  ],
  [
    'ratchet.json',
    '{"providers":{"openai":{"api_key":"sk-1"}}}',
    'fault ratchet.json: providers.openai: Unrecognized key: "api_key": name the variable that holds it in "api_key_env", ',
    {},
  ],
  [
    'model_select.json',
    '{"provider":"openai","model":"a","api_key_env":"TEAM"}',
    'warning model_select.json: api_key_env: set the variable TEAM, which holds the key',
    {},
  ],
  ['.env', 'LLM_MODEL=opnai/gpt-4o', 'fault .env: LLM_MODEL: there is no such provider: use one of ollama, ', {}],
  ['.env', 'RATCHET_PROT=1', 'warning .env: RATCHET_PROT: nothing reads it; RATCHET_PORT is read', {}],
  ['.env', '', 'warning environment: LLM_MODEL: groq cannot be asked yet: set GROQ_API_KEY', { LLM_MODEL: 'groq/a' }],
  [
    '.env',
    '',
    'fault environment: RATCHET_HOST: it is 0.0.0.0: set RATCHET_API_KEY as well',
    { RATCHET_HOST: '0.0.0.0' },
  ],
])('%s with %s', (file, text, fault, env) => {
  write(file, text);
  expect(faults(env)).toEqual([expect.stringContaining(fault)]);
});

test.each<[string, string, Record<string, string>]>([
  ['model_select.json', '{"provider":"openai","model":"a","api_key_env":"TEAM"}', { TEAM: 'k' }],
  ['model_select.json', '{"provider":"openai","model":"a","api_key_env":"TEAM","api_key":"k"}', {}],
  ['ratchet.json', '{"providers":{"mine":{"kind":"openai","base_url":"localhost:1"}}}', {}],
  ['.env', 'GROQ_API_KEY=gsk_abc\nSOME_OTHER_KEY=1\nLM_STUDIO_API_KEY=lm-studio\nOPENAI_API_KEY=dummy\n', {}],
  ['.env', 'LLM_MODEL=lm_studio/local-model\nLLM_FALLBACK_MODEL=ollama/llama3\n', {}],
])('%s with %s is good', (file, text, env) => {
  write(file, text);
  expect(faults(env)).toEqual([]);
});

test('the variables of every kind are known by their definitions', () => {
  const names = providerVariables().map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['OPENAI_API_KEY', 'GROQ_API_KEY', 'OLLAMA_API_BASE']));
  for (const { apiKeyVariables = [] } of kinds) expect(names).toEqual(expect.arrayContaining([...apiKeyVariables]));
});

test('the one error has a line for each', () => {
  write('.env', 'RATCHET_PORT=many\nwhat\n');
  const all = findSettingFaults(readConfig({ RATCHET_HOME: home }));
  expect(faultsError(all).message).toMatch(
    /^Correct these 2 settings, then start again:\n {2}\S*\.env: line 2: .*\n {2}\S/,
  );
  expect(faultsError(all.slice(0, 1)).message).toMatch(/^Correct this setting, then start again: .*line 2: .*\.$/);
});
