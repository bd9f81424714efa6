import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../src/process/ports.ts';
import { type ApiProcess, startApiProcess } from '../fixtures/api-process.ts';
import { playModel } from '../fixtures/clients/model.ts';
import { type LiteLlmProxy, startLiteLlm } from '../fixtures/servers/litellm.ts';
import { type RealOllama, startOllama } from '../fixtures/servers/ollama.ts';
import { type WireServer, startWireServer } from '../fixtures/wire-server.ts';

const question = 'How do I reset my password?';
const masterKey = 'sk-key-of-the-litellm-proxy';
const ratchetKey = 'the-key-of-the-gateway';

let ollama: RealOllama;
let wire: WireServer;
let api: ApiProcess;
let proxy: LiteLlmProxy;

beforeAll(async () => {
  ollama = await startOllama();
  wire = await startWireServer(['played'], playModel().handler);
  const port = await freePort();
  const home = mkdtempSync(join(tmpdir(), 'ratchet-litellm-home-'));
  writeFileSync(join(home, 'model_select.json'), JSON.stringify({ provider: 'ollama', model: ollama.model }));
  api = await startApiProcess(
    {
      RATCHET_API_KEY: ratchetKey,
      OLLAMA_BASE_URL: ollama.url,
      LITELLM_API_BASE: `http://127.0.0.1:${port}/v1`,
      LITELLM_API_KEY: masterKey,
    },
    {},
    home,
  );
  proxy = await startLiteLlm({
    port,
    masterKey,
    models: {
      tiny: { model: `ollama_chat/${ollama.model}`, api_base: ollama.url },
      played: { model: 'openai/played', api_base: wire.url, api_key: 'none' },
      active: { model: 'openai/active', api_base: `${api.url}/v1`, api_key: ratchetKey },
    },
  });
});
afterAll(async () => {
  await proxy?.close();
  await api?.remove();
  await wire?.close();
  await ollama?.close();
});

/** The npm client of OpenAI, before the gateway or before the proxy. */
const client = (url: string, apiKey: string) => new OpenAI({ baseURL: url, apiKey, maxRetries: 0 });
const gateway = () => client(`${api.url}/v1`, ratchetKey);
const asked = { messages: [{ role: 'user' as const, content: question }], temperature: 0, max_tokens: 24 };

async function lastRecord(): Promise<Record<string, unknown>> {
  const response = await api.send('GET', '/api/completions?limit=1', undefined, { key: ratchetKey });
  const { items } = (await response.json()) as { items: Record<string, unknown>[] };
  return items[0] ?? {};
}

describe('the proxy as a provider', () => {
  test('a real model behind it answers, whole and streamed the same', async () => {
    const whole = await gateway().chat.completions.create({ model: 'litellm/tiny', ...asked });
    const said = whole.choices[0]?.message.content ?? '';
    expect(said.length).toBeGreaterThan(10);
    expect(whole.usage?.total_tokens).toBeGreaterThan(10);
    expect(await lastRecord()).toMatchObject({ provider: 'litellm', model: 'tiny', state: 'complete' });
    const stream = gateway().chat.completions.stream({ model: 'litellm/tiny', ...asked });
    expect(await stream.finalContent()).toBe(said);
    expect(await lastRecord()).toMatchObject({ provider: 'litellm', model: 'tiny', state: 'complete', stream: true });
  });

  test.each([false, true])('tools are called through it (stream: %s)', async (stream) => {
    const tool = {
      type: 'function' as const,
      function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
    };
    const messages = [{ role: 'user' as const, content: 'What is the weather?' }];
    const request = { model: 'litellm/played', messages, tools: [tool] };
    const answer = stream
      ? await gateway().chat.completions.stream(request).finalChatCompletion()
      : await gateway().chat.completions.create(request);
    const call = answer.choices[0]?.message.tool_calls?.[0];
    expect(call).toMatchObject({ type: 'function', function: { name: 'weather', arguments: '{"city":"Köln"}' } });
    const result = { role: 'tool' as const, tool_call_id: call?.id ?? '', content: 'grey' };
    const turns = [...messages, { role: 'assistant' as const, tool_calls: call ? [call] : [] }, result];
    const second = await gateway().chat.completions.create({ ...request, messages: turns });
    expect(second.choices[0]?.message.content).toBe('The tool says: grey');
  });

  test('its models are listed as its own', async () => {
    const models: string[] = [];
    for await (const { id } of gateway().models.list()) models.push(id);
    expect(models).toEqual(expect.arrayContaining(['litellm/tiny', 'litellm/played', 'litellm/active']));
  });

  test.each([
    ['a rate limit behind it', 'Please fail with 429', { status: 429 }],
    ['a fault behind it', 'Please fail with 500', { status: 502 }],
    ['a request that is refused behind it', 'Please fail with 400', { status: 400 }],
  ])('an error comes through: %s', async (_, content, error) => {
    const asking = gateway().chat.completions.create({
      model: 'litellm/played',
      messages: [{ role: 'user', content }],
    });
    await expect(asking).rejects.toMatchObject(error);
    expect(await lastRecord()).toMatchObject({ provider: 'litellm', state: 'failed' });
  });

  test('a model that it does not have is named', async () => {
    const asking = gateway().chat.completions.create({ model: 'litellm/none', ...asked });
    await expect(asking).rejects.toMatchObject({
      status: 404,
      message: expect.stringMatching(/litellm has no model "none"/) as string,
    });
    expect(await lastRecord()).toMatchObject({ provider: 'litellm', state: 'failed' });
  });

  test('a key that it does not know is named with its fix', async () => {
    const env = { RATCHET_API_KEY: ratchetKey, LITELLM_API_BASE: proxy.url, LITELLM_API_KEY: 'sk-wrong' };
    const other = await startApiProcess(env);
    try {
      const body = { model: 'litellm/tiny', messages: asked.messages };
      const response = await other.send('POST', '/v1/chat/completions', body, { key: ratchetKey });
      const { error } = (await response.json()) as { error: { message: string } };
      expect(error.message).toMatch(/litellm refused the API key \(status 400\): set LITELLM_API_KEY/);
    } finally {
      await other.remove();
    }
  });
});

describe('the proxy before the gateway', () => {
  test('it serves the selected model, and the record has what its clients got', async () => {
    const before = client(proxy.url, masterKey);
    const whole = await before.chat.completions.create({ model: 'active', ...asked });
    const said = whole.choices[0]?.message.content ?? '';
    expect(said.length).toBeGreaterThan(10);
    expect(await lastRecord()).toMatchObject({ provider: 'ollama', model: ollama.model, state: 'complete' });
    expect(await before.chat.completions.stream({ model: 'active', ...asked }).finalContent()).toBe(said);
    const streamed = await lastRecord();
    expect(streamed).toMatchObject({ provider: 'ollama', state: 'complete', stream: true });
    expect(JSON.stringify(streamed)).toContain(JSON.stringify(said).slice(1, -1));
  });

  test('what the gateway refuses is refused there as well', async () => {
    const asking = client(proxy.url, masterKey).chat.completions.create({
      model: 'active',
      messages: [{ role: 'user', content: 'Hi' }],
      temperature: 'hot' as unknown as number,
    });
    await expect(asking).rejects.toMatchObject({ status: 400 });
  });
});
