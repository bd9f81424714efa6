import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig, packageRoot, searchPath } from '../../src/config.ts';
import { type JsonObject, isObject } from '../../src/core/canonical.ts';
import { defaultSettings } from '../../src/core/settings.ts';
import { importModel } from '../../src/models/import.ts';
import { findExecutable } from '../../src/process/find.ts';
import { makeProvider } from '../../src/providers/instances.ts';
import { ollama } from '../../src/providers/kinds/ollama.ts';
import type { Provider } from '../../src/providers/types.ts';
import { type Harness, dataLines, openHarness } from '../fixtures/gateway-harness.ts';
import { type RealOllama, startRealOllama } from '../fixtures/real-ollama.ts';
import { ollamaSpeaker } from '../fixtures/wires/ollama.ts';
import { runForeign } from '../fixtures/wires/suite.ts';

runForeign(ollamaSpeaker);

const command = loadConfig().tools.ollama ?? findExecutable('ollama', searchPath());

describe.skipIf(!command)('with a real Ollama, the options of the settings are in force', () => {
  let folder: string;
  let real: RealOllama;
  let harness: Harness;
  let client: OpenAI;
  let provider: Provider;
  /** What `ratchet.json` says now. */
  let options: JsonObject = {};
  let ofModel: JsonObject = {};

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ratchet-options-'));
    real = await startRealOllama(command ?? '');
    const base = join(packageRoot, 'scripts/litgpt/tiny_base/model');
    const parts = { ollama: real.client, modelPrefix: 'ratchet-', importsDir: folder };
    await importModel(parts, { folder: base, name: 'ratchet-tiny' });
    const config = { providerIdleMs: 0, variable: () => undefined };
    const settings = () => ({
      ...defaultSettings,
      providers: new Map([['ollama', { options }]]),
      models: new Map([['ollama/ratchet-tiny', { options: ofModel, facts: { abilities: {} } }]]),
    });
    provider = makeProvider({ name: 'ollama', definition: ollama, said: { baseUrl: real.url } }, { config }, settings);
    harness = await openHarness({ providers: [provider] });
    client = new OpenAI({ baseURL: `${await harness.serve()}/v1`, apiKey: 'none', maxRetries: 0 });
  });
  afterAll(async () => {
    await harness?.close();
    await real?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const model = 'ollama/ratchet-tiny';
  const messages = [{ role: 'user' as const, content: 'How do I reset my password?' }];
  const asked = { model, messages, temperature: 0, max_tokens: 16 };

  /** What is in memory, as Ollama itself tells it. */
  async function loaded(): Promise<JsonObject> {
    const answer = (await (await fetch(`${real.url}/api/ps`)).json()) as JsonObject;
    const [first] = Array.isArray(answer.models) ? answer.models : [];
    return isObject(first) ? first : {};
  }

  test('num_ctx, of all models and of one', async () => {
    options = { num_ctx: 512 };
    await client.chat.completions.create(asked);
    expect(await loaded()).toMatchObject({ context_length: 512 });
    ofModel = { num_ctx: 256 };
    await client.chat.completions.create(asked);
    expect(await loaded()).toMatchObject({ context_length: 256 });
    // A text and an embedding do not load it anew with another context.
    await client.completions.create({ model, prompt: 'How', max_tokens: 2 });
    expect(await loaded()).toMatchObject({ context_length: 256 });
    await client.embeddings.create({ model, input: 'How' });
    expect(await loaded()).toMatchObject({ context_length: 256 });
  });

  test('keep_alive', async () => {
    [options, ofModel] = [{ keep_alive: '30m' }, {}];
    await client.chat.completions.create(asked);
    const { expires_at: until } = await loaded();
    expect(Date.parse(String(until)) - Date.now()).toBeGreaterThan(20 * 60_000);
  });

  test('an option of the call goes before', async () => {
    [options, ofModel] = [{ num_ctx: 512 }, {}];
    await harness.chat({ ...asked, options: { num_ctx: 128 } });
    expect(await loaded()).toMatchObject({ context_length: 128 });
  });

  test('the answer is the one that the other route gives, whole and streamed', async () => {
    [options, ofModel] = [{}, {}];
    const plain = await client.chat.completions.create(asked);
    options = { num_batch: 256 };
    const native = await client.chat.completions.create(asked);
    expect(native.choices[0]).toMatchObject({ finish_reason: plain.choices[0]?.finish_reason });
    expect(native.choices[0]?.message).toEqual(plain.choices[0]?.message);
    expect(native.usage).toEqual(plain.usage);
    expect(Object.keys(native).sort()).toEqual(Object.keys(plain).sort());
    const streamed = await harness.chat({ ...asked, stream: true });
    const lines = await dataLines(streamed);
    expect(lines.pop()).toBe('[DONE]');
    const chunks = lines.map((line) => JSON.parse(line) as OpenAI.ChatCompletionChunk);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(
      plain.choices[0]?.message.content,
    );
    const record = await harness.recordOf(streamed);
    expect(record).toMatchObject({ state: 'complete', completionTokens: plain.usage?.completion_tokens });
  });

  test('texts and embeddings as on the other route', async () => {
    const text = { model, prompt: 'How do I', temperature: 0, max_tokens: 8 };
    [options, ofModel] = [{}, {}];
    const [plain, vectors] = [
      await client.completions.create(text),
      await client.embeddings.create({ model, input: ['a', 'b'] }),
    ];
    options = { num_batch: 256 };
    const native = await client.completions.create(text);
    expect(native.choices[0]?.text).toBe(plain.choices[0]?.text);
    const streamed = await client.completions.create({ ...text, stream: true });
    let grown = '';
    for await (const { choices } of streamed) grown += choices[0]?.text ?? '';
    expect(grown).toBe(plain.choices[0]?.text);
    const embedded = await client.embeddings.create({ model, input: ['a', 'b'] });
    const [ours, theirs] = [embedded, vectors].map(({ data }) => data.flatMap(({ embedding }) => embedding));
    expect(ours).toHaveLength(theirs?.length ?? -1);
    for (const [at, value] of (ours ?? []).entries()) expect(value).toBeCloseTo(theirs?.[at] ?? Number.NaN, 3);
  });

  test('what this version does not know is told once, and the rest is in force', async () => {
    [options, ofModel] = [{ low_vram: true, numa: false, num_ctx: 320 }, {}];
    await client.chat.completions.create(asked);
    expect(await loaded()).toMatchObject({ context_length: 320 });
    const health = await provider.health({ signal: AbortSignal.timeout(60_000) });
    expect(health).toMatchObject({
      state: 'yellow',
      reason: expect.stringMatching(
        /does not know low_vram, numa, and leaves it out: take it out of its options in ratchet\.json\.$/,
      ) as string,
    });
  });

  test('what has the wrong type is refused before Ollama is asked', async () => {
    [options, ofModel] = [{}, {}];
    const response = await harness.chat({ ...asked, options: { num_ctx: 'big', use_mmap: 1 } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: {
        message: 'Correct these options of Ollama: num_ctx: write a whole number; use_mmap: write true or false.',
      },
    });
  });

  test('a model that is not there', async () => {
    options = { num_ctx: 64 };
    const response = await harness.chat({ ...asked, model: 'ollama/none' });
    expect(response.status).toBe(404);
    expect(await response.text()).toMatch('ollama pull none');
  });
});
