import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ProviderInstance } from '../definition.ts';
import { makeProvider } from '../instances.ts';
import { defaultSettings } from '../../core/settings.ts';
import { kinds } from './all.ts';

/** What each kind is reached by: its address, the variables that say another, those that hold its key. */
const table: Record<string, { url: string | null; urls: string[]; keys: string[]; aliases?: string[] }> = {
  ollama: {
    url: 'http://127.0.0.1:11434',
    urls: ['OLLAMA_BASE_URL', 'OLLAMA_API_BASE'],
    keys: [],
    aliases: ['ollama_chat'],
  },
  llamacpp: {
    url: 'http://localhost:8080/v1',
    urls: ['LLAMACPP_API_BASE', 'LLAMA_CPP_API_BASE', 'LLAMAFILE_API_BASE'],
    keys: ['LLAMACPP_API_KEY', 'LLAMA_API_KEY', 'LLAMAFILE_API_KEY'],
    aliases: ['llama_cpp', 'llama.cpp', 'llamafile'],
  },
  vllm: {
    url: 'http://localhost:8001/v1',
    urls: ['VLLM_API_BASE', 'HOSTED_VLLM_API_BASE'],
    keys: ['VLLM_API_KEY', 'HOSTED_VLLM_API_KEY'],
    aliases: ['hosted_vllm'],
  },
  lm_studio: {
    url: 'http://localhost:1234/v1',
    urls: ['LM_STUDIO_API_BASE', 'LMSTUDIO_API_BASE'],
    keys: ['LM_STUDIO_API_KEY'],
    aliases: ['lmstudio'],
  },
  litgpt: { url: 'http://127.0.0.1:8000/v1', urls: ['LITGPT_API_BASE'], keys: [] },
  openai: {
    url: 'https://api.openai.com/v1',
    urls: ['OPENAI_BASE_URL', 'OPENAI_API_BASE'],
    keys: ['OPENAI_API_KEY'],
  },
  anthropic: {
    url: 'https://api.anthropic.com',
    urls: ['ANTHROPIC_BASE_URL', 'ANTHROPIC_API_BASE'],
    keys: ['ANTHROPIC_API_KEY'],
  },
  groq: { url: 'https://api.groq.com/openai/v1', urls: ['GROQ_API_BASE'], keys: ['GROQ_API_KEY'] },
  mistral: { url: 'https://api.mistral.ai/v1', urls: ['MISTRAL_API_BASE'], keys: ['MISTRAL_API_KEY'] },
  deepseek: { url: 'https://api.deepseek.com/v1', urls: ['DEEPSEEK_API_BASE'], keys: ['DEEPSEEK_API_KEY'] },
  gemini: {
    url: 'https://generativelanguage.googleapis.com/v1beta/openai',
    urls: ['GEMINI_OPENAI_BASE_URL'],
    keys: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
  },
  together: {
    url: 'https://api.together.xyz/v1',
    urls: ['TOGETHER_API_BASE', 'TOGETHER_AI_API_BASE', 'TOGETHER_BASE_URL'],
    keys: ['TOGETHER_API_KEY', 'TOGETHERAI_API_KEY', 'TOGETHER_AI_API_KEY', 'TOGETHER_AI_TOKEN'],
    aliases: ['together_ai', 'togetherai'],
  },
  huggingface: {
    url: 'https://router.huggingface.co/v1',
    urls: ['HUGGINGFACE_API_BASE', 'HF_API_BASE'],
    keys: ['HUGGINGFACE_API_TOKEN', 'HF_TOKEN', 'HUGGINGFACE_API_KEY'],
    aliases: ['hf'],
  },
  openrouter: {
    url: 'https://openrouter.ai/api/v1',
    urls: ['OPENROUTER_API_BASE'],
    keys: ['OPENROUTER_API_KEY', 'OR_API_KEY'],
  },
  litellm: {
    url: 'http://localhost:4000/v1',
    urls: ['LITELLM_API_BASE', 'LITELLM_PROXY_API_BASE', 'LITELLM_BASE_URL'],
    keys: ['LITELLM_API_KEY', 'LITELLM_PROXY_API_KEY', 'LITELLM_MASTER_KEY'],
    aliases: ['litellm_proxy'],
  },
};
const rows = kinds
  .filter(({ kind }) => Object.hasOwn(table, kind))
  .map((definition) => [definition.kind, definition] as const);

/** What a kind's provider would be made from under an environment. */
function instanceUnder(kind: string, environment: Record<string, string>): ProviderInstance {
  const definition = kinds.find((one) => one.kind === kind);
  if (!definition) throw new Error(`there is no kind ${kind}`);
  let seen: ProviderInstance | null = null;
  const create = (instance: ProviderInstance): never => {
    seen = instance;
    throw new Error('seen');
  };
  const config = { providerIdleMs: 0, variable: (name: string) => environment[name] };
  const planned = { name: kind, definition: { ...definition, create }, said: {} };
  expect(() => makeProvider(planned, { config }, () => defaultSettings)).toThrow('seen');
  if (!seen) throw new Error('no instance was made');
  return seen;
}

test('every kind of the table is there', () => {
  expect(kinds.map(({ kind }) => kind)).toEqual(expect.arrayContaining(Object.keys(table)));
});

test('no two kinds share a name, an alias or a variable', () => {
  const names = kinds.flatMap(({ kind, aliases = [] }) => [kind, ...aliases]);
  const variables = kinds.flatMap((one) => [...(one.baseUrlVariables ?? []), ...(one.apiKeyVariables ?? [])]);
  expect(names).toEqual([...new Set(names)]);
  expect(variables).toEqual([...new Set(variables)]);
  for (const name of names) expect(name).toMatch(/^[a-z0-9][a-z0-9_.-]*$/);
});

describe.each(rows)('%s', (kind, definition) => {
  const row = table[kind] ?? { url: '', urls: [], keys: [] };

  test('is what its maker says', () => {
    expect(definition).toMatchObject({ kind, baseUrl: row.url });
    expect(definition.baseUrlVariables ?? []).toEqual(row.urls);
    expect(definition.apiKeyVariables ?? []).toEqual(row.keys);
    expect(definition.aliases ?? []).toEqual(row.aliases ?? []);
  });

  test('the first of its variables that is set counts', () => {
    const address = (at: number): string => `http://127.0.0.1:${9_000 + at}/v1`;
    const subset = (names: string[]) => fc.subarray(names);
    fc.assert(
      fc.property(subset(row.urls), subset(row.keys), (urls, keys) => {
        const found = instanceUnder(kind, {
          ...Object.fromEntries(urls.map((name) => [name, address(row.urls.indexOf(name))])),
          ...Object.fromEntries(keys.map((name) => [name, `key-of-${name}`])),
        });
        expect(found.baseUrl).toBe(urls[0] === undefined ? row.url : address(row.urls.indexOf(urls[0])));
        expect(found.apiKey()).toBe(keys[0] === undefined ? null : `key-of-${keys[0]}`);
      }),
      { numRuns: 30 },
    );
  });

  test('says what to do when nobody set it up', () => {
    const found = instanceUnder(kind, {}).setUp();
    const isHere = /localhost|127\.0\.0\.1/.test(row.url ?? '');
    expect(found).toEqual(
      isHere
        ? { state: 'usual' }
        : {
            state: 'missing',
            hint: expect.stringContaining(`set ${row.keys[0]}, or run "ratchet provider-key`) as string,
          },
    );
  });
});
