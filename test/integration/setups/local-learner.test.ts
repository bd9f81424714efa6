import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RealOllama } from '../../fixtures/real-ollama.ts';
import { type WireServer, startWireServer, whole } from '../../fixtures/wire-server.ts';
import { type SetUp, ollamaProgram, openSetUp, startOllamaWith, textOf } from './set-up.ts';

/** As a script that lists Ollama's models writes it, renamed by hand. */
const catalogue = {
  models: [
    {
      localname: 'Small and quick',
      model: 'qwen2.5:0.5b',
      size: 397_821_319,
      provider: 'ollama',
      internalprovider: 'ollama',
      stream: true,
    },
    { localname: 'Mini', provider: 'litellm', model: 'gpt-4o-mini', api_key: 'sk-in-the-catalogue' },
    { localname: 'Long gone', provider: 'ollama', internalprovider: 'litellm', model: 'llama3.2:1b' },
  ],
};

describe.skipIf(!ollamaProgram)('the local learner: a selection file, a catalogue, no proxy', () => {
  let ollama: RealOllama;
  let openai: WireServer;
  let setUp: SetUp;

  beforeAll(async () => {
    [ollama, openai] = await Promise.all([startOllamaWith('qwen2.5:0.5b'), startWireServer(['gpt-4o-mini'])]);
    openai.answerWith(whole('from afar'));
    setUp = await openSetUp(
      {
        'models_config.json': catalogue,
        'model_select.json': { provider: 'litellm', model: 'gpt-4o-mini', api_key: 'sk-in-the-selection' },
      },
      { OLLAMA_API_BASE: ollama.url, OPENAI_BASE_URL: openai.url },
    );
  });
  afterAll(async () => {
    await setUp?.stop();
    await openai?.close();
    await ollama?.stop();
  });

  const active = () => setUp.chat({ model: 'active', max_tokens: 8, temperature: 0 });

  test("LiteLLM's library with a bare name asks OpenAI with the selection's key, and nobody is told the key", async () => {
    const response = await active();
    expect(await textOf(response)).toBe('from afar');
    expect(openai.requests.at(-1)?.body['model']).toBe('gpt-4o-mini');
    expect(openai.requests.at(-1)?.headers.authorization).toBe('Bearer sk-in-the-selection');
    const { items } = await setUp.get<{ items: object[] }>('/api/completions');
    expect(items[0]).toMatchObject({ provider: 'openai', model: 'gpt-4o-mini' });
    const { said } = await setUp.cli('config', '--json');
    expect(said + JSON.stringify(items)).not.toMatch(/sk-in-the/);
  });

  test.each([
    { provider: 'litellm', model: 'ollama/qwen2.5:0.5b' },
    { provider: 'ollama', model: 'qwen2.5:0.5b' },
    {
      localname: 'x',
      provider: 'ollama',
      internalprovider: 'litellm',
      model: 'qwen2.5:0.5b',
      host: 'http://localhost',
    },
  ])('when their selector writes %j, the next chat is asked there', async (selection) => {
    await setUp.write('model_select.json', selection);
    await vi.waitFor(async () => {
      const response = await active();
      expect(response.status).toBe(200);
      expect(response.headers.get('x-ratchet-provider')).toBe('ollama');
    }, 60_000);
  });

  test('names of the catalogue are models that clients ask for', async () => {
    const response = await setUp.chat({ model: 'Small and quick', max_tokens: 8 });
    expect(response.headers.get('x-ratchet-provider')).toBe('ollama');
    expect((await setUp.chat({ model: 'Mini' })).headers.get('x-ratchet-model')).toBe('gpt-4o-mini');
  });

  test('sync keeps names and fields, marks what is gone, and a dry run writes nothing', async () => {
    const before = await readFile(join(setUp.home, 'models_config.json'), 'utf8');
    const dry = await setUp.cli('models', 'sync', '--dry-run', '--provider', 'ollama');
    expect(dry).toMatchObject({ code: 0, said: expect.stringContaining('- ollama/llama3.2:1b is gone') as string });
    expect(await readFile(join(setUp.home, 'models_config.json'), 'utf8')).toBe(before);
    const synced = await setUp.cli('models', 'sync', '--provider', 'ollama', '--json');
    expect(JSON.parse(synced.said)).toMatchObject({
      written: true,
      added: [],
      gone: ['ollama/llama3.2:1b'],
      failed: [],
    });
    const { models } = JSON.parse(await readFile(join(setUp.home, 'models_config.json'), 'utf8')) as typeof catalogue;
    expect(models).toMatchObject([...catalogue.models.slice(0, 2), { gone_since: expect.any(String) as string }]);
  });

  test('select makes a model of the catalogue active through the ledger, its key stays where it is', async () => {
    expect(await setUp.cli('models', 'select', 'mini')).toMatchObject({
      code: 0,
      said: 'openai/gpt-4o-mini is active now.\n',
    });
    expect(await readFile(join(setUp.home, 'model_select.json'), 'utf8')).toBe(
      '{\n  "provider": "openai",\n  "model": "gpt-4o-mini"\n}\n',
    );
    expect(await textOf(await active())).toBe('from afar');
    expect(openai.requests.at(-1)?.headers.authorization).toBe('Bearer sk-in-the-catalogue');
    expect((await setUp.cli('models', 'select', 'nothing-like-it')).said).toMatch(
      'There is no model "nothing-like-it"',
    );
    const none = await setUp.cli('models', 'select');
    expect(none).toMatchObject({ code: 1, said: expect.stringContaining('Name the model to select') as string });
    const { items } = await setUp.get<{ items: { model: string; kind: string }[] }>('/api/promotions');
    expect(items[0]).toMatchObject({ model: 'openai/gpt-4o-mini', kind: 'promote' });
  });

  test('advice says which to use and why, by what was measured', async () => {
    const { said, code } = await setUp.cli('models', 'advise', '--for', 'chat', '--measure', '--json');
    expect(code, said).toBe(0);
    const advice = JSON.parse(said.slice(said.indexOf('['))) as { ref: string; verdict: string; speed: unknown }[];
    const [first] = advice;
    expect(first).toMatchObject({ ref: 'ollama/qwen2.5:0.5b', verdict: 'first', locality: 'local' });
    expect(first?.speed).toMatchObject({ tokensPerSecond: expect.any(Number) as number });
    expect(advice.find(({ ref }) => ref === 'ollama/llama3.2:1b')).toMatchObject({ verdict: 'no' });
  });
});
