import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../core/canonical.ts';
import type { ModelFacts } from '../../core/capabilities.ts';
import { listedFacts } from './listed.ts';

/** Entries as the vendors' manuals show them, cut to what matters. */
const entries: [string, JsonObject, ModelFacts][] = [
  ['OpenAI', { id: 'gpt-4o-mini', object: 'model', created: 1721172741, owned_by: 'system' }, { abilities: {} }],
  [
    'OpenRouter, a model that sees and calls tools',
    {
      id: 'google/gemini-2.5-pro-preview',
      context_length: 1_048_576,
      architecture: {
        modality: 'text+image->text',
        input_modalities: ['file', 'image', 'text'],
        output_modalities: ['text'],
      },
      top_provider: { context_length: 1_048_576, max_completion_tokens: 65_536, is_moderated: false },
      supported_parameters: ['tools', 'tool_choice', 'response_format', 'structured_outputs', 'seed'],
    },
    { abilities: { tools: true, json: true, vision: true, chat: true }, context: 1_048_576 },
  ],
  [
    'OpenRouter, an old one that does neither',
    {
      id: 'openai/gpt-4',
      context_length: 8_192,
      architecture: { input_modalities: ['text'], output_modalities: ['text'] },
      supported_parameters: ['temperature', 'top_p', 'max_tokens'],
    },
    { abilities: { tools: false, json: false, vision: false, chat: true }, context: 8_192 },
  ],
  [
    'OpenRouter, embeddings',
    { id: 'qwen/qwen3-embedding-8b', architecture: { input_modalities: ['text'], output_modalities: ['embeddings'] } },
    { abilities: { vision: false, chat: false, embeddings: true } },
  ],
  [
    'Together, a chat',
    { id: 'meta-llama/Llama-3.3-70B-Instruct-Turbo', type: 'chat', context_length: 131_072 },
    { abilities: { chat: true, embeddings: false }, context: 131_072 },
  ],
  [
    'Together, embeddings',
    { id: 'BAAI/bge-large-en-v1.5', type: 'embedding', context_length: 512 },
    { abilities: { chat: false, tools: false, embeddings: true }, context: 512 },
  ],
  [
    'Together, images',
    { id: 'flux', type: 'image', context_length: 0 },
    { abilities: { chat: false, embeddings: false } },
  ],
  [
    'Groq',
    { id: 'llama-3.3-70b-versatile', active: true, context_window: 131_072 },
    { abilities: {}, context: 131_072 },
  ],
  [
    'Mistral',
    {
      id: 'codestral-latest',
      capabilities: { completion_chat: true, completion_fim: true, function_calling: true, vision: false },
      max_context_length: 262_144,
    },
    { abilities: { chat: true, tools: true, vision: false }, context: 262_144 },
  ],
  ['vLLM', { id: 'qwen-coder-vllm', owned_by: 'vllm', max_model_len: 32_768 }, { abilities: {}, context: 32_768 }],
  [
    'llama.cpp',
    {
      id: 'any.gguf',
      owned_by: 'llamacpp',
      meta: { n_ctx_train: 131_072, n_params: 8_030_261_312, size: 4_912_898_304 },
    },
    { abilities: {}, size: 4_912_898_304 },
  ],
  [
    'LM Studio, a model that sees',
    { id: 'qwen2-vl-7b-instruct', type: 'vlm', state: 'not-loaded', max_context_length: 32_768 },
    { abilities: { chat: true, embeddings: false, vision: true }, context: 32_768 },
  ],
  [
    'LM Studio, trained for tools',
    { id: 'qwen3-4b', type: 'llm', capabilities: ['tool_use'], max_context_length: 262_144 },
    { abilities: { chat: true, embeddings: false, vision: false, tools: true }, context: 262_144 },
  ],
  [
    'LiteLLM, which knows it',
    {
      model_name: 'gpt-4o',
      model_info: {
        mode: 'chat',
        max_input_tokens: 128_000,
        supports_function_calling: true,
        supports_vision: true,
        supports_response_schema: true,
      },
    },
    { abilities: { chat: true, tools: true, vision: true, json: true }, context: 128_000 },
  ],
  [
    'LiteLLM, which does not',
    { model_name: 'mine', model_info: { mode: null, max_input_tokens: null, supports_function_calling: null } },
    { abilities: {} },
  ],
  [
    'LiteLLM, embeddings',
    { model_name: 'ada', model_info: { mode: 'embedding', max_input_tokens: 8_191 } },
    { abilities: { chat: false, embeddings: true }, context: 8_191 },
  ],
  [
    'Hugging Face, where one of two can',
    {
      id: 'Qwen/Qwen3-235B-A22B-Instruct-2507',
      architecture: { input_modalities: ['text'], output_modalities: ['text'] },
      providers: [
        {
          provider: 'a',
          status: 'live',
          context_length: 32_768,
          supports_tools: false,
          supports_structured_output: false,
        },
        {
          provider: 'b',
          status: 'live',
          context_length: 262_144,
          supports_tools: true,
          supports_structured_output: false,
        },
        { provider: 'c', status: 'error', context_length: 999_999, supports_structured_output: true },
      ],
    },
    { abilities: { chat: true, vision: false, tools: true, json: false }, context: 262_144 },
  ],
  [
    'nonsense',
    { id: 'x', context_length: -3, type: 7, capabilities: 'yes', architecture: [], providers: {} },
    { abilities: {} },
  ],
];

describe('what a list tells', () => {
  test.each(entries)('%s', (_who, entry, facts) => {
    expect(listedFacts(entry)).toEqual(facts);
  });
});
