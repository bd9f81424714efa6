import { expect, test } from 'vitest';
import { RatchetError } from '../core/errors.ts';
import { parseCatalogue } from '../models/catalogue.ts';
import type { SelectionFile } from '../models/selection.ts';
import { createActive, environmentDefaults } from './active.ts';

interface Case {
  llm?: string;
  file?: Partial<SelectionFile> & { selection: SelectionFile['selection'] };
  env?: Record<string, string>;
  catalogue?: unknown[];
}

function active({ llm, file, env = {}, catalogue = [] }: Case) {
  const entries = parseCatalogue(JSON.stringify(catalogue), 'c').items.map(({ entry }) => entry);
  return createActive({
    config: { llmModel: llm ?? null, selectionFile: 'model_select.json', variable: (name) => env[name] },
    selection: { current: () => (file ? { apiKey: null, digest: '', ...file } : null) },
    catalogue: { entries: () => entries },
  })();
}

const mini = { provider: 'litellm', model: 'gpt-4o-mini' };
const named = { ...mini, apiKeyEnv: 'TEAM_KEY' };
const inCatalogue = [{ provider: 'openai', model: 'gpt-4o-mini', api_key: 'from-catalogue' }];

test.each<[string, Case, object | null]>([
  ['nothing', {}, null],
  ['the environment', { llm: 'lm_studio/local-model' }, { provider: 'lm_studio', model: 'local-model' }],
  ['a bare name', { llm: 'gpt-4o-mini' }, { provider: 'openai', model: 'gpt-4o-mini' }],
  ['a bare name of Anthropic', { llm: 'claude-3-sonnet' }, { provider: 'anthropic', model: 'claude-3-sonnet' }],
  ['the file before the environment', { llm: 'ollama/a', file: { selection: mini } }, mini],
  ["the file's key", { file: { selection: mini, apiKey: 'own' } }, { ...mini, apiKey: 'own' }],
  [
    'the named variable before it',
    { file: { selection: named, apiKey: 'own' }, env: { TEAM_KEY: 'team' } },
    { ...mini, apiKey: 'team' },
  ],
  ['the key where the variable is not set', { file: { selection: named, apiKey: 'own' } }, { ...mini, apiKey: 'own' }],
  ["the catalogue's key", { file: { selection: mini }, catalogue: inCatalogue }, { ...mini, apiKey: 'from-catalogue' }],
  [
    'not the key of another model',
    { file: { selection: { provider: 'openai', model: 'x' } }, catalogue: inCatalogue },
    { provider: 'openai', model: 'x' },
  ],
])('what is active: %s', (_, given, expected) => {
  expect(active(given)).toEqual(expected);
});

test('a variable that is named and not set is told', () => {
  expect(() => active({ file: { selection: named } })).toThrow(RatchetError);
  expect(() => active({ file: { selection: named } })).toThrow('names the variable TEAM_KEY for the key of litellm');
});

test.each([
  [null, []],
  ['openai/gpt-4o', ['openai/gpt-4o']],
  ['gpt-4o', ['openai/gpt-4o']],
])('LLM_FALLBACK_MODEL=%s comes to %j', (llmFallbackModel, fallback) => {
  expect(environmentDefaults({ llmFallbackModel })).toEqual({ fallback });
});
