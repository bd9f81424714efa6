import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RealOllama } from '../../fixtures/real-ollama.ts';
import { type WireServer, fails, startWireServer, whole } from '../../fixtures/wire-server.ts';
import { type SetUp, ollamaProgram, openSetUp, startOllamaWith, textOf } from './set-up.ts';

describe.skipIf(!ollamaProgram)("the platform: completions through LiteLLM's proxy, Ollama beside it", () => {
  let ollama: RealOllama;
  let proxy: WireServer;
  let setUp: SetUp;

  beforeAll(async () => {
    [ollama, proxy] = await Promise.all([startOllamaWith('qwen2.5:0.5b'), startWireServer(['gpt-4o', 'team/fast'])]);
    setUp = await openSetUp({
      '.env': [
        `LITELLM_API_BASE=${proxy.url}`,
        'LITELLM_API_KEY=sk-platform',
        `OLLAMA_BASE_URL=${ollama.url}`,
        'PLATFORM_KEY=sk-from-a-variable',
      ].join('\n'),
      'ratchet.json': {
        providers: {
          ollama: { options: { num_ctx: 2048, num_batch: 512 } },
          litellm: { api_key_env: 'PLATFORM_KEY', locality: 'remote' },
        },
        models: { 'ollama/qwen2.5:0.5b': { options: { num_ctx: 1024 } } },
        routes: { chat: { model: 'litellm/gpt-4o', fallback: ['ollama/qwen2.5:0.5b'] } },
        routing: { retries: 0 },
      },
      'model_select.json': { provider: 'litellm', model: 'gpt-4o', api_key_env: 'PLATFORM_KEY' },
    });
  });
  afterAll(async () => {
    await setUp?.stop();
    await proxy?.close();
    await ollama?.stop();
  });

  test('the proxy is asked under its own name for the model, with the key of the named variable', async () => {
    proxy.answerWith(whole('through the proxy'));
    for (const model of ['litellm/gpt-4o', 'active', 'litellm/team/fast']) {
      expect(await textOf(await setUp.chat({ model }))).toBe('through the proxy');
      const request = proxy.requests.at(-1);
      expect(request?.body['model']).toBe(model === 'active' ? 'gpt-4o' : model.slice('litellm/'.length));
      expect(request?.headers.authorization).toBe('Bearer sk-from-a-variable');
    }
  });

  test("when the proxy fails, the route's next answers", async () => {
    proxy.answerWith(fails(503, { error: { message: 'overloaded' } }));
    const response = await setUp.chat({ model: 'chat', max_tokens: 8 });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-ratchet-provider')).toBe('ollama');
  });

  test("parameters of a model go before its provider's, and each says where it stands", async () => {
    const { said } = await setUp.cli('config', 'model', 'ollama/qwen2.5:0.5b', '--json');
    const lines = JSON.parse(said) as { path: string; value: unknown; place: string }[];
    const found = Object.fromEntries(lines.map(({ path, value, place }) => [path, [value, place]]));
    expect(found).toMatchObject({
      'options.num_ctx': [1024, 'ratchet.json: models.ollama/qwen2.5:0.5b.options.num_ctx'],
      'options.num_batch': [512, 'ratchet.json: providers.ollama.options.num_batch'],
      base_url: [ollama.url, 'OLLAMA_BASE_URL (.env)'],
    });
  });

  test('selecting another model of the proxy keeps the name of its variable, and no key is written', async () => {
    const { code, said } = await setUp.cli('models', 'select', 'litellm/team/fast');
    expect(code, said).toBe(0);
    proxy.answerWith(whole('fast'));
    expect(await textOf(await setUp.chat({ model: 'active' }))).toBe('fast');
    expect(proxy.requests.at(-1)?.headers.authorization).toBe('Bearer sk-from-a-variable');
    const { items } = await setUp.get<{ items: object[] }>('/api/promotions?limit=1');
    expect(items).toMatchObject([
      { selection: { provider: 'litellm', model: 'team/fast', api_key_env: 'PLATFORM_KEY' } },
    ]);
  });
});
