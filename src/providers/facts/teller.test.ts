import { expect, test } from 'vitest';
import type { Json } from '../../core/canonical.ts';
import { createTeller } from './teller.ts';

const { signal } = new AbortController();

/** A server by its answers, by path. */
function tellerAt(kind: string, answers: Record<string, Json>, baseUrl = 'http://127.0.0.1:1/v1') {
  const asked: string[] = [];
  let now = 0;
  const teller = createTeller({
    kind,
    baseUrl,
    now: () => now,
    get: async (url) => {
      const path = new URL(url).pathname;
      asked.push(path);
      const answer = answers[path];
      if (answer === undefined) throw new Error('404');
      return answer;
    },
  });
  return {
    teller,
    asked,
    describe: (model: string) => teller.describe(model, { signal }),
    later: () => (now += 61_000),
  };
}

const props = {
  default_generation_settings: { n_ctx: 4_096 },
  modalities: { vision: true, audio: false },
  chat_template_caps: { supports_tools: false },
};
const fromProps = { abilities: { vision: true, tools: false }, context: 4_096 };

test.each<[string, string, Record<string, Json>, string, unknown]>([
  [
    'llama.cpp tells of itself',
    'llamacpp',
    { '/v1/models': { data: [{ id: 'a.gguf', meta: { size: 7 } }] }, '/props': props },
    'a.gguf',
    { ...fromProps, size: 7 },
  ],
  [
    'llama.cpp under another kind',
    'openai',
    { '/v1/models': { data: [{ id: 'a.gguf', owned_by: 'llamacpp' }] }, '/props': props },
    'a.gguf',
    fromProps,
  ],
  [
    'LM Studio',
    'lm_studio',
    {
      '/v1/models': { data: [{ id: 'qwen2-vl' }] },
      '/api/v0/models': { data: [{ id: 'qwen2-vl', type: 'vlm', max_context_length: 32_768 }] },
    },
    'qwen2-vl',
    { abilities: { chat: true, embeddings: false, vision: true }, context: 32_768 },
  ],
  [
    'a LiteLLM proxy',
    'litellm',
    {
      '/v1/models': { data: [{ id: 'gpt-4o' }] },
      '/model/info': { data: [{ model_name: 'gpt-4o', model_info: { mode: 'chat', supports_vision: true } }] },
    },
    'gpt-4o',
    { abilities: { chat: true, vision: true } },
  ],
  [
    'one that does not give its own route',
    'litellm',
    { '/v1/models': { data: [{ id: 'a', context_length: 9 }] } },
    'a',
    { abilities: {}, context: 9 },
  ],
  [
    'a list without an envelope',
    'together',
    { '/v1/models': [{ id: 'a', type: 'chat' }] },
    'a',
    { abilities: { chat: true, embeddings: false } },
  ],
  ['nothing told', 'openai', { '/v1/models': { data: [{ id: 'gpt-4o' }] } }, 'gpt-4o', null],
  ['a model that is not listed', 'openai', { '/v1/models': { data: [] } }, 'gpt-4o', null],
])('%s', async (_which, kind, answers, model, facts) => {
  expect(await tellerAt(kind, answers).describe(model)).toEqual(facts);
});

test('one list serves all models for a minute, and so does one that was got for another reason', async () => {
  const server = tellerAt('vllm', { '/v1/models': { data: [{ id: 'a', max_model_len: 5 }, { id: 'b' }] } });
  await Promise.all([server.describe('a'), server.describe('b'), server.describe('c')]);
  expect(server.asked).toEqual(['/v1/models']);
  server.later();
  await server.describe('a');
  expect(server.asked).toHaveLength(2);
  server.later();
  server.teller.noteList({ data: [{ id: 'a', max_model_len: 6 }] });
  expect(await server.describe('a')).toEqual({ abilities: {}, context: 6 });
  expect(server.asked).toHaveLength(2);
});

test('a list that cannot be got is asked for again', async () => {
  const server = tellerAt('vllm', {});
  await expect(server.describe('a')).rejects.toThrow('404');
  await expect(server.describe('a')).rejects.toThrow('404');
  expect(server.asked).toHaveLength(2);
});
