import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { kinds } from '../../../src/providers/kinds/all.ts';
import { freePort } from '../../../src/process/ports.ts';
import type { RealOllama } from '../../fixtures/real-ollama.ts';
import { type WireServer, fails, sendJson, startWireServer, whole } from '../../fixtures/wire-server.ts';
import { type SetUp, ollamaProgram, openSetUp, startOllamaWith, textOf } from './set-up.ts';

test.each([
  ['lm_studio', '1234'],
  ['llamacpp', '8080'],
  ['vllm', '8001'],
  ['litellm', '4000'],
  ['ollama', '11434'],
])('%s is looked for at its usual port, %s, where nothing is set', (kind, port) => {
  const baseUrl = kinds.find((one) => one.kind === kind)?.baseUrl ?? '';
  expect(new URL(baseUrl).port).toBe(port);
});

describe.skipIf(!ollamaProgram)("the agent team: LiteLLM's environment in .env", () => {
  let ollama: RealOllama;
  let vendors: WireServer;
  let lmStudio: WireServer;
  let setUp: SetUp | undefined;

  beforeAll(async () => {
    [ollama, vendors, lmStudio] = await Promise.all([
      startOllamaWith('llama3'),
      startWireServer(['gpt-4o-mini']),
      startWireServer(['local-model']),
    ]);
  });
  afterEach(() => setUp?.stop());
  afterAll(async () => {
    await vendors?.close();
    await lmStudio?.close();
    await ollama?.stop();
  });

  /** Their `.env`, as it is but for addresses. */
  const dotEnv = (...more: string[]): string => {
    const root = new URL(vendors.url).origin;
    return [
      'OPENAI_API_KEY=sk-openai-team',
      `OPENAI_API_BASE=${vendors.url}`,
      'AZURE_API_KEY=azure-team',
      `AZURE_API_BASE=${root}`,
      'AZURE_API_VERSION=2024-02-15-preview',
      'ANTHROPIC_API_KEY=sk-ant-team',
      `ANTHROPIC_API_BASE=${root}`,
      `LM_STUDIO_API_BASE=${lmStudio.url}`,
      `OLLAMA_API_BASE=${ollama.url}`,
      ...more,
    ].join('\n');
  };

  const answerAnthropic: Parameters<WireServer['answerWith']>[0] = (_request, response) =>
    sendJson(response, {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-3-sonnet',
      content: [{ type: 'text', text: 'from anthropic' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 3, output_tokens: 2 },
    });

  test.each([
    ['openai/gpt-4o-mini', 'openai', '/v1/chat/completions', 'Bearer sk-openai-team'],
    ['gpt-4o-mini', 'openai', '/v1/chat/completions', 'Bearer sk-openai-team'],
    ['azure/gpt-4', 'azure', '/openai/deployments/gpt-4/chat/completions?api-version=2024-02-15-preview', 'azure-team'],
    ['anthropic/claude-3-sonnet', 'anthropic', '/v1/messages', 'sk-ant-team'],
    ['lm_studio/local-model', 'lm_studio', '/v1/chat/completions', undefined],
    ['ollama/llama3', 'ollama', null, undefined],
  ])('LLM_MODEL=%s is the active model', async (model, provider, path, key) => {
    setUp = await openSetUp({ '.env': dotEnv(`LLM_MODEL=${model}`) });
    vendors.answerWith(provider === 'anthropic' ? answerAnthropic : whole(`from ${provider}`));
    lmStudio.answerWith(whole('from lm_studio'));
    const response = await setUp.chat({ model: 'active', max_tokens: 8 });
    const text = await textOf(response);
    expect(response.status, text).toBe(200);
    expect(response.headers.get('x-ratchet-provider')).toBe(provider);
    const { said } = await setUp.cli('config', 'get', 'active');
    expect(said.trim()).toBe(model.includes('/') ? model : `openai/${model}`);
    if (path === null) return;
    expect(text).toBe(`from ${provider}`);
    const request = (provider === 'lm_studio' ? lmStudio : vendors).requests.at(-1);
    expect(request?.path).toBe(path);
    const { authorization, 'api-key': apiKey, 'x-api-key': ownKey } = request?.headers ?? {};
    expect(authorization ?? apiKey ?? ownKey).toBe(key);
  });

  test('a selection goes before LLM_MODEL, from then on and after a restart; one that is bad is an error', async () => {
    setUp = await openSetUp({ '.env': dotEnv('LLM_MODEL=openai/gpt-4o-mini') });
    expect(await setUp.cli('models', 'select', 'ollama/llama3')).toMatchObject({ code: 0 });
    const response = await setUp.chat({ model: 'active', max_tokens: 8 });
    expect(response.headers.get('x-ratchet-provider')).toBe('ollama');
    await setUp.write('model_select.json', '{"provider":');
    const bad = await setUp.cli('api');
    expect(bad).toMatchObject({
      code: 1,
      said: expect.stringMatching(/model_select\.json: it is not valid JSON/) as string,
    });
  });

  test('LLM_FALLBACK_MODEL answers for a remote model, and for a local one only where the settings let it', async () => {
    const nowhere = `LM_STUDIO_API_BASE=http://127.0.0.1:${await freePort()}/v1`;
    const fallback = dotEnv(nowhere, 'LLM_MODEL=lm_studio/local-model', 'LLM_FALLBACK_MODEL=gpt-4o-mini');
    // The servers of this test stand in for vendors.
    const providers = { openai: { locality: 'remote' }, azure: { locality: 'remote' } };
    setUp = await openSetUp({ '.env': fallback, 'ratchet.json': { providers, routing: { retries: 0 } } });
    vendors.answerWith(whole('from afar'));
    const asked = vendors.requests.length;
    const refused = await textOf(await setUp.chat({ model: 'active' }));
    expect(refused).toMatch(/lm_studio.*openai\/gpt-4o-mini was not asked: .*stay on this machine/s);
    expect(vendors.requests).toHaveLength(asked);
    await setUp.write('ratchet.json', { providers, routing: { retries: 0, egress: 'allow' } });
    await expect.poll(async () => textOf((await setUp?.chat({ model: 'active' })) as Response)).toBe('from afar');
    // Of two remote models the one may stand in for the other.
    await setUp.write('ratchet.json', { providers, routing: { retries: 0 } });
    vendors.answerWith((request, response) =>
      request.path.startsWith('/openai/')
        ? fails(503, { error: { message: 'overloaded' } })(request, response)
        : whole('from the fallback')(request, response),
    );
    expect(await textOf(await setUp.chat({ model: 'azure/gpt-4' }))).toBe('from the fallback');
  });
});
