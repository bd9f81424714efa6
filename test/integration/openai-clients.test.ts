import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI, { type APIError } from 'openai';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startProcess } from '../../src/process/supervise.ts';
import { type Harness, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import {
  type WireServer,
  completionOf,
  delta,
  fails,
  finish,
  sendJson,
  startWireServer,
  streamOf,
  whole,
} from '../fixtures/wire-server.ts';

let wire: WireServer;
let harness: Harness;
let baseURL: string;
let client: OpenAI;

beforeAll(async () => {
  wire = await startWireServer(['tiny']);
  const selection = () => ({ provider: 'wire', model: 'tiny' });
  harness = await openHarness({ providers: [wireProvider(wire.url)], selection });
  baseURL = `${await harness.serve()}/v1`;
  client = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
});
beforeEach(() => wire.answerWith(whole('Hello')));
afterAll(async () => {
  await harness.close();
  await wire.close();
});

async function allOf<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

const messages = [{ role: 'user' as const, content: 'Hi' }];

test('npm openai: a whole answer whose id takes feedback', async () => {
  const { data, response } = await client.chat.completions.create({ model: 'active', messages }).withResponse();
  expect(data.choices[0]?.message.content).toBe('Hello');
  expect(data.id).toBe(response.headers.get('x-ratchet-completion-id'));
  expect(await harness.store.chats.get(data.id)).toMatchObject({ state: 'complete', model: 'tiny' });
});

test('npm openai: a stream, and its helper that puts it together', async () => {
  const call = { index: 0, id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a"' } };
  wire.answerWith(
    streamOf([
      delta({ role: 'assistant', content: 'Let me see' }),
      delta({ tool_calls: [call] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }),
      finish('tool_calls'),
    ]),
  );
  const final = await client.chat.completions.stream({ model: 'wire/tiny', messages }).finalChatCompletion();
  const record = await harness.store.chats.get(final.id);
  expect(record?.choices[0]?.message).toMatchObject({
    content: final.choices[0]?.message.content,
    tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
  });
  expect(final.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { arguments: '{"a":1}' } });
});

test('npm openai: a provider that gives all at once to who asked for a stream', async () => {
  const message = { role: 'assistant', content: 'All at once' };
  wire.answerWith((_request, response) =>
    sendJson(response, completionOf([{ index: 0, message, finish_reason: 'stop' }])),
  );
  const { data: chat, response } = await client.chat.completions
    .create({ model: 'wire/tiny', messages, stream: true })
    .withResponse();
  const chunks = await allOf(chat);
  expect(chunks).toMatchObject([{ choices: [{ delta: message, finish_reason: 'stop' }] }]);
  expect(chunks[0]?.id).toBe(response.headers.get('x-ratchet-completion-id'));
  const record = await harness.recordOf(response);
  expect(record).toMatchObject({ state: 'complete', stream: true, choices: [{ message }] });
  const events = await client.responses.create({ model: 'wire/tiny', input: 'Hi', stream: true });
  expect((await allOf(events)).at(-1)).toMatchObject({
    type: 'response.completed',
    response: { output: [{ content: [{ text: 'All at once' }] }] },
  });
  wire.answerWith((_request, response) =>
    sendJson(response, completionOf([{ index: 0, text: 'All at once', finish_reason: 'stop' }])),
  );
  const texts = await client.completions.create({ model: 'wire/tiny', prompt: 'Hi', stream: true });
  expect(await allOf(texts)).toMatchObject([{ choices: [{ text: 'All at once' }] }]);
});

test('npm openai: errors have their status, code and parameter, in a stream too', async () => {
  const refused = client.chat.completions.create({ model: 'active', messages: [] });
  await expect(refused).rejects.toMatchObject({ status: 400, code: 'InvalidInput', param: 'messages' });
  const unknown = await client.chat.completions
    .create({ model: 'no-such-model', messages })
    .catch((error: unknown) => error);
  expect(unknown).toBeInstanceOf(OpenAI.NotFoundError);
  expect(unknown).toMatchObject({ code: 'NotFound', type: 'not_found_error' });
  wire.answerWith(fails(429, { error: { message: 'slow' } }, { 'retry-after': '9' }));
  const limited = await client.chat.completions.create({ model: 'active', messages }).catch((error: unknown) => error);
  expect(limited).toBeInstanceOf(OpenAI.RateLimitError);
  expect((limited as APIError).headers?.get('retry-after')).toBe('9');
  wire.answerWith(streamOf([delta({ content: 'Ha' })], { ending: 'cut', pauseMs: 20 }));
  const stream = await client.chat.completions.create({ model: 'active', messages, stream: true });
  const reading = (async () => {
    for await (const _chunk of stream);
  })();
  await expect(reading).rejects.toMatchObject({ code: 'ProviderUnavailable' });
});

test('npm openai: models', async () => {
  const ids: string[] = [];
  for await (const { id } of client.models.list()) ids.push(id);
  expect(ids).toEqual(['active', 'wire/tiny']);
  expect(await client.models.retrieve('wire/tiny')).toMatchObject({ owned_by: 'wire' });
});

test('PyPI openai: whole, streamed, refused', async () => {
  const python = process.env.RATCHET_TEST_PYTHON;
  if (!python) throw new Error('Set RATCHET_TEST_PYTHON to a Python that has the package openai.');
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-python-'));
  const lines: string[] = [];
  const script = fileURLToPath(new URL('../fixtures/openai_client.py', import.meta.url));
  const child = startProcess({
    command: python,
    args: [script, baseURL, 'active'],
    logFile: join(folder, 'log'),
    onLine: (line) => void lines.push(line),
  });
  const { code, tail } = await child.exited;
  await rm(folder, { recursive: true });
  expect({ code, tail }).toMatchObject({ code: 0 });
  const saw = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> & { id: string; stream_ids: string[] };
  expect(saw).toMatchObject({
    content: 'Hello',
    completion_header: saw.id,
    stream_content: 'Hello',
    models: ['active', 'wire/tiny'],
    model: 'active',
    refused: { status: 400, code: 'InvalidInput', param: 'messages' },
  });
  expect(saw.stream_ids).toHaveLength(1);
  for (const id of [saw.id, ...saw.stream_ids]) expect((await harness.store.chats.get(id))?.state).toBe('complete');
});
