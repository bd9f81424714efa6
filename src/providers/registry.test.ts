import { lookup } from 'node:dns/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { parseSettings } from '../core/settings.ts';
import { createOpenAiProvider } from './openai.ts';
import { providersOf } from './instances.ts';
import { kinds } from './kinds/all.ts';
import { litellm } from './kinds/litellm.ts';
import { type Registry, createRegistry } from './registry.ts';

/** The registry under an environment and settings. */
function registryUnder(environment: Record<string, string> = {}, settings: object = {}): Registry {
  const config = { providerIdleMs: 900_000, variable: (name: string) => environment[name] };
  return createRegistry(providersOf({ config, settings: parseSettings(JSON.stringify(settings), 'ratchet.json') }));
}
const registry = registryUnder();

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    await new Promise((done) => server.close(done).closeAllConnections());
  }
});

async function serve(host: string, answer: string): Promise<number> {
  const server = createServer((_request, response) => response.end(answer));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

describe('split', () => {
  test.each([
    ['ollama/qwen2.5:0.5b', 'ollama', 'qwen2.5:0.5b'],
    ['ollama_chat/llama3', 'ollama', 'llama3'],
    ['openai/gpt-4o-mini', 'openai', 'gpt-4o-mini'],
    ['openai/meta/llama', 'openai', 'meta/llama'],
    ['together_ai/meta-llama/Llama-3', 'together', 'meta-llama/Llama-3'],
    ['hosted_vllm/qwen-coder', 'vllm', 'qwen-coder'],
    ['hf/meta-llama/Llama-3.1-8B-Instruct', 'huggingface', 'meta-llama/Llama-3.1-8B-Instruct'],
    ['lm_studio/local-model', 'lm_studio', 'local-model'],
  ])('%s', (ref, provider, model) => {
    expect(registry.split(ref)).toMatchObject({ provider: { name: provider }, model });
  });

  test.each(['gpt-4o-mini', 'hf.co/user/model', '/x', 'ollama/', 'nobody/Qwen/Qwen2.5-0.5B'])(
    '%s has no provider',
    (ref) => {
      expect(registry.split(ref)).toBeNull();
    },
  );

  test('a provider of the settings goes before what its name is an alias of', () => {
    const own = registryUnder({}, { providers: { hf: { kind: 'openai', base_url: 'http://127.0.0.1:9/v1' } } });
    expect(own.split('hf/x')).toMatchObject({ provider: { name: 'hf', kind: 'openai' }, model: 'x' });
    expect(own.split('litellm/hf/x')).toMatchObject({ provider: { name: 'hf', kind: 'openai' }, model: 'x' });
  });
});

describe('litellm/…', () => {
  const library = [
    ['litellm/ollama/qwen2.5:0.5b', 'ollama', 'qwen2.5:0.5b'],
    ['litellm/ollama_chat/llama3', 'ollama', 'llama3'],
    ['litellm/gpt-4o-mini', 'openai', 'gpt-4o-mini'],
    ['litellm/o3', 'openai', 'o3'],
    ['litellm/deepseek-chat', 'deepseek', 'deepseek-chat'],
    ['litellm/groq/llama-3.3-70b', 'groq', 'llama-3.3-70b'],
  ] as const;

  test.each(library)('%s is the library’s while there is no proxy', (ref, provider, model) => {
    expect(registry.split(ref)).toMatchObject({ provider: { name: provider }, model });
    const off = registryUnder({}, { providers: { litellm: { enabled: false } } });
    expect(off.split(ref)).toMatchObject({ provider: { name: provider }, model });
  });

  test.each(library)('%s is the proxy’s where somebody said where it is', (ref) => {
    const model = ref.slice('litellm/'.length);
    const placed = registryUnder({ LITELLM_API_BASE: 'http://127.0.0.1:9' });
    expect(placed.split(ref)).toMatchObject({ provider: { name: 'litellm' }, model });
    const said = registryUnder({}, { providers: { litellm: { base_url: 'http://127.0.0.1:9/v1' } } });
    expect(said.split(ref)).toMatchObject({ provider: { name: 'litellm' }, model });
  });

  test.each([
    ["I'm alive!", 'litellm'],
    ['404 page not found', 'openai'],
  ])('where its usual address answers %j, litellm/gpt-4o-mini is asked at %s', async (answer, expected) => {
    const usual = { ...litellm, baseUrl: `http://127.0.0.1:${await serve('127.0.0.1', answer)}/v1` };
    const definitions = [...kinds.filter(({ kind }) => kind !== 'litellm'), usual];
    const config = { providerIdleMs: 0, variable: () => undefined };
    const found = createRegistry(providersOf({ config, definitions }), definitions);
    expect(found.split('litellm/gpt-4o-mini')).toMatchObject({ provider: { name: 'openai' } });
    // One look takes half a second at most, which may be too short on a busy machine.
    const look = async () => {
      await found.get('litellm')?.proxy?.look();
      return found.split('litellm/gpt-4o-mini');
    };
    await expect.poll(look).toMatchObject({ provider: { name: expected }, model: 'gpt-4o-mini' });
  });

  test.each([
    ['no key of its own', {}, 'sk-library'],
    ['a key of its own', { OPENAI_API_KEY: 'sk-own' }, undefined],
  ])('its key goes along to a vendor that has %s', (_case, more, expected) => {
    const split = registryUnder({ LITELLM_API_KEY: 'sk-library', ...more }).split('litellm/gpt-4o-mini');
    expect(split?.provider.name).toBe('openai');
    expect(split?.apiKey).toBe(expected);
  });

  test('its key never goes along to Ollama', () => {
    expect(registryUnder({ LITELLM_API_KEY: 'sk-library' }).split('litellm/ollama/x')?.apiKey).toBeUndefined();
  });

  test('a proxy is remote wherever it runs: it passes on what it gets', () => {
    expect(registry.get('litellm')?.locality).toBe('remote');
  });
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

/** A machine without IPv6 has one of them only. */
const loopbacks = (await lookup('localhost', { all: true })).map(({ address }) => address);

test.each(loopbacks)('a server that listens at %s only is found as localhost', async (host) => {
  const port = await serve(host, '{"data":[{"id":"near"}]}');
  const provider = createOpenAiProvider({
    name: 'x',
    baseUrl: `http://localhost:${port}/v1`,
    apiKey: null,
    keySetting: 'X',
  });
  expect(await provider.listModels({ signal: AbortSignal.timeout(60_000) })).toEqual(['near']);
});

test.each([
  ['in a frame', '{"object":"list","data":[{"id":"a"},{"id":"b"}]}', ['a', 'b']],
  ['without a frame, as Together gives it', '[{"id":"a"},{"id":"b"}]', ['a', 'b']],
  ['with a prefix, as Gemini gives it', '{"data":[{"id":"models/a"},{"id":"models/b"}]}', ['a', 'b']],
])('a list of models %s', async (_case, answer, expected) => {
  const port = await serve('127.0.0.1', answer);
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  const provider = createOpenAiProvider({ name: 'x', baseUrl, apiKey: null, keySetting: 'X', listPrefix: 'models/' });
  expect(await provider.listModels({ signal: AbortSignal.timeout(60_000) })).toEqual(expected);
});

test('without a key OpenAI is not called at all', async () => {
  const openai = registry.get('openai');
  const signal = AbortSignal.timeout(60_000);
  expect(await openai?.listModels({ signal })).toEqual([]);
  expect(await openai?.health({ signal })).toMatchObject({ state: 'yellow' });
  await expect(openai?.call('chat/completions', '{"model":"x"}', { signal })).rejects.toMatchObject({
    code: 'ProviderRejected',
  });
});
