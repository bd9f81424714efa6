import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import { type ApiProcess, startApiProcess } from '../fixtures/api-process.ts';
import {
  type WireServer,
  chunkFrame,
  delta,
  finish,
  startWireServer,
  streamOf,
  whole,
} from '../fixtures/wire-server.ts';

let wire: WireServer;
let api: ApiProcess;
const elsewhere = { openai: { locality: 'remote' } };

beforeAll(async () => {
  wire = await startWireServer();
  api = await startApiProcess(
    { OLLAMA_BASE_URL: wire.url.replace(/\/v1$/, ''), OPENAI_BASE_URL: wire.url },
    { providers: elsewhere },
  );
});
afterAll(async () => {
  await api.remove();
  await wire.close();
});

const answering = (usage: JsonObject | null) => whole('Hello', { usage });

async function ask(model: string, more: object = {}): Promise<void> {
  const response = await api.send('POST', '/v1/chat/completions', {
    model,
    messages: [{ role: 'user', content: 'Hi' }],
    ...more,
  });
  expect(response.status).toBe(200);
  await response.text();
}

/** What all calls of a model have cost, in billionths of a dollar. */
async function spentOn(model: string): Promise<number> {
  const { items } = (await (await api.send('GET', '/api/usage?by=model')).json()) as {
    items: { model: string; cost_usd: number }[];
  };
  return Math.round((items.find((item) => item.model === model)?.cost_usd ?? Number.NaN) * 1e9);
}

async function unpriced(): Promise<object[]> {
  return ((await (await api.send('GET', '/api/prices')).json()) as { unpriced: object[] }).unpriced;
}

const usage = { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 };

test.each<[string, JsonObject, number]>([
  ['gpt-4o-mini', usage, 1_000 * 150 + 100 * 600],
  ['gpt-4o-2024-08-06', usage, 1_000 * 5_000 + 100 * 15_000],
  ['gpt-4-turbo', { prompt_tokens: 3, completion_tokens: 0 }, 3 * 10_000],
  ['claude-3-sonnet-20240229', usage, 1_000 * 3_000 + 100 * 15_000],
])('%s costs what the table says', async (model, reported, nanos) => {
  wire.answerWith(answering(reported));
  await ask(`openai/${model}`);
  expect(await spentOn(model)).toBe(nanos);
});

test('a stream costs what its last chunk says', async () => {
  const last = { ...chunkFrame, choices: [], usage };
  wire.answerWith(streamOf([delta({ content: 'Hi' }), finish('stop'), last]));
  await ask('openai/gpt-4o-latest', { stream: true, stream_options: { include_usage: true } });
  expect(await spentOn('gpt-4o-latest')).toBe(1_000 * 5_000 + 100 * 15_000);
});

test('a local model costs nothing, and is not without a price', async () => {
  wire.answerWith(answering(usage));
  await ask('ollama/gpt-4o');
  expect(await spentOn('gpt-4o')).toBe(0);
  expect(await unpriced()).toEqual([]);
});

test('prices count from the moment the file has changed, cached tokens too', async () => {
  await api.settings({ providers: elsewhere, prices: { mine: { input: 2, output: 8, cached_input: 0.5 } } });
  wire.answerWith(answering({ ...usage, prompt_tokens_details: { cached_tokens: 600 } }));
  await ask('openai/mine');
  const first = 400 * 2_000 + 600 * 500 + 100 * 8_000;
  expect(await spentOn('mine')).toBe(first);
  await api.settings({ providers: elsewhere, prices: { 'openai/m*': { input: 0, output: 1 } } });
  await ask('openai/mine');
  expect(await spentOn('mine')).toBe(first + 100 * 1_000);
});

test('a limit of tokens holds for a provider that reports none, by an estimate that is not recorded', async () => {
  const { key } = (await (await api.send('POST', '/api/keys', { name: 'limited', tokens_per_minute: 100 })).json()) as {
    key: string;
  };
  const send = (content: string) =>
    api.send(
      'POST',
      '/v1/chat/completions',
      { model: 'ollama/silent', messages: [{ role: 'user', content }] },
      { key },
    );
  wire.answerWith(answering(null));
  expect((await send('Hi')).status).toBe(200);
  expect((await send('x'.repeat(400))).status).toBe(200);
  expect((await send('Hi')).status).toBe(429);
  const { items } = (await (await api.send('GET', '/api/usage?by=model')).json()) as { items: object[] };
  expect(items).toContainEqual(expect.objectContaining({ model: 'silent', prompt_tokens: 0, completion_tokens: 0 }));
});

test('a model without a price is told with its calls, a call without tokens is not its fault', async () => {
  await api.settings({ providers: elsewhere });
  wire.answerWith(answering(usage));
  await ask('openai/o9-preview');
  await ask('openai/o9-preview');
  expect(await unpriced()).toEqual([{ model: 'openai/o9-preview', calls: 2 }]);
  await expect.poll(() => api.filesWith(['this model has no price'])).toHaveLength(1);
  wire.answerWith(answering(null));
  await ask('openai/gpt-4-turbo-2024-04-09');
  expect(await spentOn('gpt-4-turbo-2024-04-09')).toBe(0);
  expect(await unpriced()).toHaveLength(1);
});
