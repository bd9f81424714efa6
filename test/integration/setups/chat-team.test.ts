import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RealOllama } from '../../fixtures/real-ollama.ts';
import { type WireServer, startWireServer, whole } from '../../fixtures/wire-server.ts';
import { type SetUp, furnish, ollamaProgram, openSetUp, ratchet, startOllamaWith, textOf } from './set-up.ts';

describe('the chat team: a .env that is checked at the start', () => {
  test('every fault is listed at once, with its file, its place and what to do, and nothing is started', async () => {
    const home = await furnish({
      '.env': [
        'GROQ_API_KEY=your_groq_api_key_here',
        'HUGGINGFACE_API_TOKEN="hf_secret with spaces"',
        'OLLAMA_BASE_URL=ftp://localhost:11434',
        'RATCHET_PORT=seventy',
        'GROQ_KEY=gsk_secret',
        'gsk_secret_alone',
      ].join('\n'),
      'ratchet.json': { providers: { grok: { record: 'none' } } },
      'model_select.json': { provider: 'groq' },
      'models_config.json': { models: [{ localname: 'Llama' }] },
    });
    try {
      const env = { RATCHET_PORT: '' };
      for (const command of ['api', 'up', 'config']) {
        const { code, said } = await ratchet(home, env, command);
        expect(code, said).toBe(1);
        for (const place of [
          /\.env: line 6: write it as NAME=value/,
          /\.env: RATCHET_PORT: /,
          /\.env: OLLAMA_BASE_URL: write a URL that begins with http/,
          /\.env: GROQ_API_KEY: put your key in place of the example/,
          /\.env: HUGGINGFACE_API_TOKEN: write the key alone/,
          /ratchet\.json: providers\.grok: .*the nearest is "groq"/,
          /models_config\.json: models\.0: /,
          /model_select\.json: model: name the model/,
        ]) {
          expect(said).toMatch(place);
        }
        if (command === 'config') expect(said).toMatch(/\.env: GROQ_KEY: nothing reads it; GROQ_API_KEY is read/);
        expect(said).not.toMatch(/secret/);
      }
    } finally {
      await rm(home, { recursive: true, force: true });
    }
  });
});

describe.skipIf(!ollamaProgram)('the chat team: Groq, Hugging Face and Ollama behind one interface', () => {
  let ollama: RealOllama;
  let groq: WireServer;
  let huggingFace: WireServer;
  let setUp: SetUp;

  beforeAll(async () => {
    [ollama, groq, huggingFace] = await Promise.all([
      startOllamaWith('llama3.2:1b'),
      startWireServer(['llama-3.1-8b-instant'], whole('from groq')),
      startWireServer(['meta-llama/Llama-3.1-8B-Instruct'], whole('from hugging face')),
    ]);
    setUp = await openSetUp({
      '.env': [
        'GROQ_API_KEY=gsk_team',
        `GROQ_API_BASE=${groq.url}`,
        'HUGGINGFACE_API_TOKEN=hf_team',
        `HUGGINGFACE_API_BASE=${huggingFace.url}`,
        `OLLAMA_BASE_URL=${ollama.url}`,
      ].join('\n'),
    });
  });
  afterAll(async () => {
    await setUp?.stop();
    await Promise.all([groq?.close(), huggingFace?.close()]);
    await ollama?.stop();
  });

  test.each([
    ['groq/llama-3.1-8b-instant', 'groq', 'from groq'],
    ['huggingface/meta-llama/Llama-3.1-8B-Instruct', 'huggingface', 'from hugging face'],
    ['ollama/llama3.2:1b', 'ollama', null],
  ])('%s answers with its temperature, and says who it was', async (model, provider, expected) => {
    const response = await setUp.chat({ model, temperature: 0.3, max_tokens: 8 });
    const text = await textOf(response);
    expect(response.status, text).toBe(200);
    expect(response.headers.get('x-ratchet-provider')).toBe(provider);
    if (expected === null) return;
    expect(text).toBe(expected);
    const request = (provider === 'groq' ? groq : huggingFace).requests.at(-1);
    expect(request?.body).toMatchObject({ temperature: 0.3, model: model.slice(model.indexOf('/') + 1) });
    expect(request?.headers.authorization).toBe(provider === 'groq' ? 'Bearer gsk_team' : 'Bearer hf_team');
  });

  test('each provider has a state, and a reason that says what to do', async () => {
    const { items } = await setUp.get<{ items: { name: string; state: string; reason: string }[] }>(
      '/api/providers?fresh=1',
    );
    const stateOf = (name: string) => items.find((one) => one.name === name)?.state;
    expect(['groq', 'huggingface', 'ollama'].map(stateOf)).toEqual(['green', 'green', 'green']);
    expect(items.every(({ reason }) => reason.length > 0)).toBe(true);
  });
});
