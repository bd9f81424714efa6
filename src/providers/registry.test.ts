import { describe, expect, test } from 'vitest';
import { createOpenAiProvider } from './openai.ts';
import { providersOf } from './instances.ts';
import { createRegistry } from './registry.ts';

const config = {
  providerIdleMs: 900_000,
  variable: () => undefined,
};
const registry = createRegistry(providersOf({ config }));

describe('split', () => {
  test.each([
    ['ollama/qwen2.5:0.5b', 'ollama', 'qwen2.5:0.5b'],
    ['ollama_chat/llama3', 'ollama', 'llama3'],
    ['openai/gpt-4o-mini', 'openai', 'gpt-4o-mini'],
    ['openai/meta/llama', 'openai', 'meta/llama'],
    ['litellm/ollama/qwen2.5:0.5b', 'ollama', 'qwen2.5:0.5b'],
    ['litellm/gpt-4o-mini', 'openai', 'gpt-4o-mini'],
  ])('%s', (ref, provider, model) => {
    expect(registry.split(ref)).toMatchObject({ provider: { name: provider }, model });
  });

  test.each(['gpt-4o-mini', 'hf.co/user/model', '/x', 'ollama/', 'litgpt/Qwen/Qwen2.5-0.5B'])(
    '%s has no provider',
    (ref) => {
      expect(registry.split(ref)).toBeNull();
    },
  );
});

describe('locality', () => {
  test.each([
    ['http://localhost:1234/v1', 'local'],
    ['http://[::1]:1234/v1', 'local'],
    ['http://192.168.1.4:8000/v1', 'remote'],
    ['https://api.openai.com/v1', 'remote'],
  ])('%s is %s', (baseUrl, locality) => {
    const provider = createOpenAiProvider({ name: 'x', baseUrl, apiKey: null, keySetting: 'X' });
    expect(provider.locality).toBe(locality);
  });
});

test('without a key OpenAI is not called at all', async () => {
  const openai = registry.get('openai');
  const signal = AbortSignal.timeout(1_000);
  expect(await openai?.listModels({ signal })).toEqual([]);
  expect(await openai?.health({ signal })).toMatchObject({ state: 'yellow' });
  await expect(openai?.call('chat/completions', '{"model":"x"}', { signal })).rejects.toMatchObject({
    code: 'ProviderRejected',
  });
});
