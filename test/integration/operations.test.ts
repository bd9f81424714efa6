import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/core/canonical.ts';
import type { CompletionRecord } from '../../src/store/types.ts';
import { type Harness, dataLines, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import {
  type WireHandler,
  type WireServer,
  completionOf,
  fails,
  sendJson,
  startWireServer,
  streamOf,
} from '../fixtures/wire-server.ts';

let wire: WireServer;
let harness: Harness;
let client: OpenAI;

beforeAll(async () => {
  wire = await startWireServer(['tiny']);
  harness = await openHarness({ providers: [wireProvider(wire.url)], flushMs: 20 });
  client = new OpenAI({ baseURL: `${await harness.serve()}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await harness.close();
  await wire.close();
});

/** The choices of a text completion out of its record. */
function textChoices({ choices }: CompletionRecord): Json[] {
  return choices.map(({ index, message, finishReason, extra }) => ({
    index,
    text: message.content ?? null,
    finish_reason: finishReason,
    ...extra,
  }));
}

describe('/v1/completions', () => {
  const frame = { id: 'cmpl-up', object: 'text_completion', created: 5, model: 'tiny', system_fingerprint: 'fp' };
  const logprobs = {
    tokens: ['up', 'on'],
    token_logprobs: [null, -0.5],
    top_logprobs: [null, { on: -0.5 }],
    text_offset: [0, 2],
  };
  const choices: JsonObject[] = [
    { index: 0, text: 'Grüße 👋🏽\n', logprobs, finish_reason: 'length', stop_reason: null },
    { index: 1, text: '', logprobs: null, finish_reason: 'stop' },
  ];
  const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };

  test('passes whole, and comes back deep-equal from the record', async () => {
    const answer: JsonObject = { ...frame, choices, usage };
    wire.answerWith((_request, response) => sendJson(response, answer));
    const sent = {
      model: 'wire/tiny',
      prompt: ['Once', [1, 2]],
      suffix: '.',
      n: 1,
      best_of: 2,
      echo: true,
      logprobs: 1,
      x: [null],
    };
    const response = await harness.post('/v1/completions', sent);
    const record = await harness.recordOf(response);
    expect(await response.json()).toEqual({ ...answer, id: record.id });
    expect(wire.requests.at(-1)).toMatchObject({ path: '/v1/completions', body: { ...sent, model: 'tiny' } });
    expect(record).toMatchObject({
      kind: 'text',
      state: 'complete',
      messages: [],
      node: null,
      promptTokens: 7,
      completionTokens: 3,
    });
    expect(record.envelope).toEqual(sent);
    expect({ ...record.response, choices: textChoices(record) }).toEqual(answer);
  });

  test('streams two choices to the library of OpenAI, and the record has both', async () => {
    const piece = (index: number, text: string, more: JsonObject = {}): JsonObject => ({
      ...frame,
      choices: [{ index, text, logprobs: null, finish_reason: null, ...more }],
    });
    const chunks = [
      piece(0, 'Grüße'),
      piece(1, '', { finish_reason: 'stop' }),
      piece(0, ' 👋🏽\n', { logprobs }),
      piece(0, '', { finish_reason: 'length', stop_reason: null }),
      { ...frame, choices: [], usage },
    ];
    wire.answerWith(streamOf(chunks, { splitAt: 9 }));
    const { data, response } = await client.completions
      .create({ model: 'wire/tiny', prompt: ['Once', 'Twice'], stream: true, stream_options: { include_usage: true } })
      .withResponse();
    const got: unknown[] = [];
    for await (const chunk of data) got.push(chunk);
    const record = await harness.recordOf(response);
    expect(got).toEqual(chunks.map((chunk) => ({ ...chunk, id: record.id })));
    expect(record).toMatchObject({ kind: 'text', stream: true, state: 'complete', completionTokens: 3 });
    expect(textChoices(record)).toEqual(choices);
  });

  test('cut off in the middle ends with an error event, and the record has what came', async () => {
    wire.answerWith(
      streamOf([{ ...frame, choices: [{ index: 0, text: 'Half', finish_reason: null }] }], {
        ending: 'cut',
        pauseMs: 20,
      }),
    );
    const response = await harness.post('/v1/completions', { model: 'wire/tiny', prompt: 'Once', stream: true });
    const lines = await dataLines(response);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ error: { code: 'ProviderUnavailable' } });
    const record = await harness.recordOf(response);
    expect(record.state).toBe('interrupted');
    expect(record.choices[0]?.message.content).toBe('Half');
  });

  test('of another call can be rated like a chat', async () => {
    wire.answerWith((_request, response) => sendJson(response, { ...frame, choices, usage }));
    const { id } = await client.completions.create({ model: 'wire/tiny', prompt: 'Once' });
    expect((await harness.post('/api/feedback', { completion_id: id, rating: 1 })).status).toBeLessThan(300);
  });
});

describe('a client that got a sign of life while the provider was thinking', () => {
  let patient: Harness;
  beforeAll(async () => {
    patient = await openHarness({ providers: [wireProvider(wire.url)], gateway: { quietMs: 5 } });
  });
  afterAll(() => patient.close());

  /** Answers only when the client has got a comment. */
  async function ask(
    path: string,
    body: JsonObject,
    handler: WireHandler,
  ): Promise<{ record: CompletionRecord; lines: string[] }> {
    const seen = Promise.withResolvers<void>();
    wire.answerWith(async (request, response) => {
      await seen.promise;
      await handler(request, response);
    });
    const response = await patient.post(path, { model: 'wire/tiny', stream: true, ...body });
    seen.resolve();
    const lines = (await response.text())
      .split('\n')
      .flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []));
    return { record: await patient.recordOf(response), lines };
  }

  const broken = fails(503, { error: { message: 'down' } });

  test.each<[string, JsonObject]>([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }] }],
    ['/v1/completions', { prompt: 'Hi' }],
    ['/v1/responses', { input: 'Hi' }],
  ])('%s is told of a failure by an event', async (path, body) => {
    const { lines, record } = await ask(path, body, broken);
    expect(lines.map((line) => JSON.parse(line) as Json)).toMatchObject([{ error: { code: 'ProviderUnavailable' } }]);
    expect(record).toMatchObject({ state: 'failed', error: { code: 'ProviderUnavailable' } });
  });

  test('gets an answer that came whole as a stream, calls and all', async () => {
    const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } };
    const message = { role: 'assistant', content: 'T', tool_calls: [call] };
    const answer = completionOf([{ index: 0, message, finish_reason: 'tool_calls' }]);
    const handler: WireHandler = (_request, response) => sendJson(response, answer);
    const chat = await ask('/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }] }, handler);
    expect(chat.lines.pop()).toBe('[DONE]');
    expect(chat.lines.map((line) => JSON.parse(line) as Json)).toEqual([
      {
        ...answer,
        id: chat.record.id,
        object: 'chat.completion.chunk',
        choices: [
          { index: 0, delta: { ...message, tool_calls: [{ index: 0, ...call }] }, finish_reason: 'tool_calls' },
        ],
      },
    ]);
    expect(chat.record).toMatchObject({ state: 'complete', choices: [{ message }] });
    const { lines } = await ask('/v1/responses', { input: 'Hi' }, handler);
    const text = { type: 'message', content: [{ text: 'T' }] };
    expect(lines.some((line) => line.includes('response.function_call_arguments.done'))).toBe(true);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      type: 'response.completed',
      response: { output: [text, { call_id: 'a' }] },
    });
  });
});

describe('/v1/embeddings', () => {
  const vectors = [
    [0.25, -1, 0.5],
    [1, 2, 4],
  ];
  const packed = (numbers: number[]): string => Buffer.from(new Float32Array(numbers).buffer).toString('base64');
  const answerOf = (embeddings: Json[]): JsonObject => ({
    object: 'list',
    data: embeddings.map((embedding, index) => ({ object: 'embedding', index, embedding })),
    model: 'tiny',
    usage: { prompt_tokens: 8, total_tokens: 8 },
  });

  test('as the library of OpenAI asks for them, in base64; the record has the request and no vector', async () => {
    const answer = answerOf(vectors.map(packed));
    wire.answerWith((_request, response) => sendJson(response, answer));
    const { data, response } = await client.embeddings
      .create({ model: 'wire/tiny', input: ['one', 'two'], dimensions: 3 })
      .withResponse();
    expect(data.data.map(({ embedding }) => [...embedding])).toEqual(vectors);
    expect(wire.requests.at(-1)).toMatchObject({
      path: '/v1/embeddings',
      body: { model: 'tiny', encoding_format: 'base64' },
    });
    const record = await harness.recordOf(response);
    expect(record).toMatchObject({
      kind: 'embeddings',
      state: 'complete',
      choices: [],
      messages: [],
      promptTokens: 8,
      stream: false,
    });
    expect(record.envelope).toEqual({
      model: 'wire/tiny',
      input: ['one', 'two'],
      dimensions: 3,
      encoding_format: 'base64',
    });
    expect(record.response).toEqual({ ...answer, data: { vectors: 2, dimensions: [3] } });
    const [sum] = await harness.store.usage.sum({}, ['model']);
    expect(sum?.promptTokens).toBeGreaterThanOrEqual(8);
  });

  test('as numbers, not a digit changed', async () => {
    const text =
      '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0,-0.10000000149011612,3e-05]}]}';
    wire.answerWith((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(text);
    });
    const response = await harness.post('/v1/embeddings', {
      model: 'wire/tiny',
      input: 'one',
      encoding_format: 'float',
    });
    expect(await response.text()).toBe(text);
    expect((await harness.recordOf(response)).response).toMatchObject({ data: { vectors: 1, dimensions: [3] } });
  });

  test('with store: false keeps figures only', async () => {
    wire.answerWith((_request, response) => sendJson(response, answerOf(vectors)));
    const response = await harness.post('/v1/embeddings', { model: 'wire/tiny', input: 'a secret', store: false });
    expect(response.status).toBe(200);
    const record = await harness.recordOf(response);
    expect(record).toMatchObject({
      kind: 'embeddings',
      record: 'meta',
      promptTokens: 8,
      envelope: { model: 'wire/tiny', store: false },
    });
    expect(JSON.stringify(record)).not.toMatch(/secret|vectors/);
  });

  test('refused by us and by the provider', async () => {
    const streamed = await harness.post('/v1/embeddings', { model: 'wire/tiny', input: 'one', stream: true });
    expect(streamed.status).toBe(400);
    expect(await streamed.json()).toMatchObject({ error: { code: 'InvalidInput', param: 'stream' } });
    wire.answerWith(fails(400, { error: { message: 'this model has no embeddings' } }));
    await expect(client.embeddings.create({ model: 'wire/tiny', input: 'one' })).rejects.toMatchObject({
      status: 400,
      code: 'ProviderRejected',
    });
  });
});
