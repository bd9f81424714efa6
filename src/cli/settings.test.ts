import { expect, test } from 'vitest';
import { defaultSettings, parseSettings } from '../core/settings.ts';
import { settingLines } from './settings.ts';

const providers = [
  { name: 'ollama', locality: 'local' },
  { name: 'openai', locality: 'remote' },
] as const;
const linesOf = (file: object) => settingLines(parseSettings(JSON.stringify(file), 'f'), providers);

test('without a file every default is told, by provider', () => {
  const lines = settingLines(defaultSettings, providers);
  expect(lines).toContainEqual({ path: 'providers.ollama.train', value: true, source: 'default' });
  expect(lines).toContainEqual({ path: 'providers.openai.train', value: false, source: 'default' });
  expect(lines).toContainEqual({ path: 'providers.openai.record', value: 'all', source: 'default' });
  expect(lines).toContainEqual({ path: 'retention.days', value: null, source: 'default' });
  expect(lines).toContainEqual({ path: 'prices.gpt-4o', value: { input: 5, output: 15 }, source: 'default' });
});

test('what the file says is told as such', () => {
  const lines = linesOf({
    providers: { openai: { train: true, locality: 'local' }, later: { record: 'none' } },
    routes: { fast: { model: 'ollama/a' } },
    retention: { days: 9 },
    prices: { 'gpt-4o': { input: 1, output: 2, cached_input: 0 } },
  });
  for (const line of [
    { path: 'providers.openai.train', value: true },
    { path: 'providers.openai.locality', value: 'local' },
    { path: 'providers.later.record', value: 'none' },
    { path: 'routes.fast.model', value: 'ollama/a' },
    { path: 'retention.days', value: 9 },
    { path: 'prices.gpt-4o', value: { input: 1, output: 2, cached_input: 0 } },
  ]) {
    expect(lines).toContainEqual({ ...line, source: 'file' });
  }
  expect(lines).toContainEqual({ path: 'providers.openai.egress', value: 'route', source: 'default' });
});
