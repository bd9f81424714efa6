import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/core/canonical.ts';
import { type Harness, dataLines, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import {
  type WireServer,
  chunkFrame,
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
const ask = (content: Json = 'Hi'): JsonObject[] => [{ role: 'user', content }];

beforeAll(async () => {
  wire = await startWireServer(['tiny', 'other:latest']);
  harness = await openHarness({ providers: [wireProvider(wire.url)], flushMs: 20 });
});
afterAll(async () => {
  await harness.close();
  await wire.close();
});
afterEach(() => wire.answerWith(whole('Hello')));

const thorough: JsonObject[] = [
  { role: 'system', content: 'Be kind.', cache_control: { type: 'ephemeral' } },
  {
    role: 'user',
    content: [
      { type: 'text', text: 'Grüße 👋🏽 \u0000 "x"' },
      { type: 'image_url', image_url: { url: 'data:,' } },
    ],
  },
  {
    role: 'assistant',
    content: null,
    reasoning_content: 'why not',
    tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a": 1}' } }],
  },
  { role: 'tool', tool_call_id: 'c1', content: '' },
  { role: 'user', name: 'Ann', content: 'and?', x_unknown: [1, null, { deep: true }] },
];

describe('what is recorded equals what was sent and got', () => {
  const envelope: JsonObject = {
    model: 'wire/tiny',
    temperature: 0.25,
    tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
    x_unknown: { a: [1, 2.5, null, 'ü'] },
    metadata: {},
  };
  const choices: Json[] = [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: null,
        refusal: null,
        tool_calls: [{ id: 'c9', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      finish_reason: 'tool_calls',
      logprobs: null,
    },
    {
      index: 1,
      message: { role: 'assistant', content: 'Zwei – 二 🎉', reasoning: 'hm', annotations: [] },
      finish_reason: 'stop',
      logprobs: { content: [{ token: 'Z', logprob: -0.5, bytes: [90], top_logprobs: [] }] },
      x_vendor: 1,
    },
  ];

  test('an answer that came whole', async () => {
    const answer = completionOf(choices, { service_tier: 'default', x_vendor: { y: null } });
    wire.answerWith((_request, response) => sendJson(response, answer));
    const response = await harness.chat({ ...envelope, messages: thorough, n: 2 });
    const got = (await response.json()) as JsonObject;
    const record = await harness.recordOf(response);
    expect(got).toEqual({ ...answer, id: record.id });
    const { messages, ...sent } = wire.requests.at(-1)?.body ?? {};
    expect(messages).toEqual(thorough);
    expect(sent).toEqual({ ...envelope, n: 2, model: 'tiny' });
    expect(record.messages).toEqual(thorough);
    expect(record.envelope).toEqual({ ...envelope, n: 2 });
    const { choices: _choices, ...fields } = answer;
    expect(record.response).toEqual(fields);
    expect(record.choices.map(toWire)).toEqual(choices);
    expect(record).toMatchObject({
      state: 'complete',
      provider: 'wire',
      model: 'tiny',
      promptTokens: 7,
      completionTokens: 3,
    });
  });

  test.each([undefined, 1, 7])('a stream of two choices in pieces of %s bytes', async (splitAt) => {
    const tokens = (text: string): JsonObject => ({
      logprobs: { content: [{ token: text, logprob: -1 }], refusal: null },
    });
    const chunks: JsonObject[] = [
      delta({ role: 'assistant', content: '', refusal: null }, {}, 0),
      delta({ role: 'assistant', reasoning_content: 'Let ' }, {}, 1),
      delta({ content: 'Grü' }, tokens('Grü'), 0),
      delta({ reasoning_content: 'me' }, {}, 1),
      delta({ content: 'ße 👋🏽' }, tokens('ße'), 0),
      delta({ tool_calls: [{ index: 0, id: 'c1', type: 'function', function: { name: 'f', arguments: '' } }] }, {}, 1),
      delta({ tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] }, {}, 1),
      delta(
        { tool_calls: [{ index: 1, id: 'c2', type: 'function', function: { name: 'g', arguments: '{}' } }] },
        {},
        1,
      ),
      delta({ tool_calls: [{ index: 0, function: { arguments: '1}' } }] }, {}, 1),
      finish('stop', 0),
      finish('tool_calls', 1),
      { ...chunkFrame, choices: [], usage: { prompt_tokens: 4, completion_tokens: 9, total_tokens: 13 } },
    ];
    wire.answerWith(streamOf(chunks, { ...(splitAt && { splitAt }) }));
    const asked = { ...envelope, messages: thorough, n: 2, stream: true, stream_options: { include_usage: true } };
    const response = await harness.chat(asked);
    expect(response.headers.get('content-type')).toMatch('text/event-stream');
    const lines = await dataLines(response);
    const record = await harness.recordOf(response);
    expect(lines.pop()).toBe('[DONE]');
    expect(lines.map((line) => JSON.parse(line) as Json)).toEqual(chunks.map((chunk) => ({ ...chunk, id: record.id })));
    expect(record).toMatchObject({ state: 'complete', promptTokens: 4, completionTokens: 9, messages: thorough });
    expect(record.firstTokenAt).not.toBeNull();
    const call = (id: string, name: string, args: string): JsonObject => ({
      id,
      type: 'function',
      function: { name, arguments: args },
    });
    expect(record.choices.map(toWire)).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: 'Grüße 👋🏽', refusal: null },
        finish_reason: 'stop',
        logprobs: {
          content: [
            { token: 'Grü', logprob: -1 },
            { token: 'ße', logprob: -1 },
          ],
          refusal: null,
        },
      },
      {
        index: 1,
        message: {
          role: 'assistant',
          reasoning_content: 'Let me',
          tool_calls: [call('c1', 'f', '{"a":1}'), call('c2', 'g', '{}')],
        },
        finish_reason: 'tool_calls',
      },
    ]);
  });

  test('store: false keeps figures only', async () => {
    const response = await harness.chat({ model: 'wire/tiny', messages: ask('my secret'), store: false, user: 'u' });
    const record = await harness.recordOf(response);
    expect(record).toMatchObject({ messages: [], choices: [], state: 'complete', promptTokens: 7 });
    expect(record.envelope).toEqual({ model: 'wire/tiny', stream: false, store: false });
    expect(JSON.stringify(record)).not.toMatch(/secret|Hello/);
  });
});

describe('the connection to the provider breaks', () => {
  test('in the middle: the client gets an error event, the record what came', async () => {
    wire.answerWith(
      streamOf([delta({ role: 'assistant', content: 'Half of ' }), delta({ content: 'it' })], {
        ending: 'cut',
        pauseMs: 20,
      }),
    );
    const response = await harness.chat({ model: 'wire/tiny', messages: ask(), stream: true });
    const lines = await dataLines(response);
    const last = JSON.parse(lines.at(-1) ?? '') as JsonObject;
    expect(last.error).toMatchObject({ code: 'ProviderUnavailable', type: 'server_error', param: null });
    const record = await harness.recordOf(response);
    expect(record.state).toBe('interrupted');
    expect(record.choices.map(toWire)).toEqual([
      { index: 0, message: { role: 'assistant', content: 'Half of it' }, finish_reason: null },
    ]);
    expect(record.error).toMatchObject({ code: 'ProviderUnavailable' });
  });

  test('before the first word: the record says failed', async () => {
    wire.answerWith(streamOf([], { ending: 'cut' }));
    const response = await harness.chat({ model: 'wire/tiny', messages: ask(), stream: true });
    expect((await dataLines(response)).join('')).toMatch('"error"');
    expect((await harness.recordOf(response)).state).toBe('failed');
  });

  test('after the last word: nothing is lost', async () => {
    wire.answerWith(streamOf([delta({ content: 'All' }), finish('stop')], { ending: 'cut', pauseMs: 20 }));
    const response = await harness.chat({ model: 'wire/tiny', messages: ask(), stream: true });
    expect((await dataLines(response)).at(-1)).toBe('[DONE]');
    expect((await harness.recordOf(response)).state).toBe('complete');
  });

  test('by ending without a finish: an error, not an answer', async () => {
    wire.answerWith(streamOf([delta({ content: 'Half' })], { ending: 'end' }));
    const response = await harness.chat({ model: 'wire/tiny', messages: ask(), stream: true });
    expect((await dataLines(response)).at(-1)).toMatch('before the answer was whole');
    expect((await harness.recordOf(response)).state).toBe('interrupted');
  });

  test('with an error event: it is passed on in our shape, without the key', async () => {
    const error = { error: { message: 'overloaded, key sk-abcdefghijkl', code: 429 } };
    wire.answerWith(streamOf([delta({ content: 'Ha' }), error], {}));
    const response = await harness.chat({ model: 'wire/tiny', messages: ask(), stream: true });
    const lines = await dataLines(response);
    expect(lines[0]).toMatch('Ha');
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ error: { code: 'RateLimited', type: 'rate_limit_error' } });
    expect(lines.join('')).not.toMatch('sk-abc');
    expect((await harness.recordOf(response)).error).toMatchObject({ code: 'RateLimited', status: 429 });
  });
});

describe('the provider refuses', () => {
  const cases: [number, Json, Record<string, string>, number, string][] = [
    [400, { error: { message: 'bad temperature' } }, {}, 400, 'ProviderRejected'],
    [401, { error: { message: 'Incorrect API key: sk-abcdefghijkl' } }, {}, 502, 'ProviderRejected'],
    [404, { error: { message: 'model not found' } }, {}, 404, 'NotFound'],
    [429, { error: { message: 'slow down' } }, { 'retry-after': '7' }, 429, 'RateLimited'],
    [500, 'model requires more system memory (9 GiB)', {}, 500, 'OutOfMemory'],
    [503, 'not json', { 'retry-after': '3' }, 502, 'ProviderUnavailable'],
  ];
  test.each(cases)('with %i %j', async (status, body, headers, expected, code) => {
    wire.answerWith(fails(status, body, headers));
    for (const stream of [false, true]) {
      const response = await harness.chat({ model: 'wire/tiny', messages: ask(), stream });
      expect(response.status).toBe(expected);
      expect(response.headers.get('retry-after')).toBe(headers['retry-after'] ?? null);
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({ error: { code } });
      expect(text).not.toMatch('sk-abc');
      const record = await harness.recordOf(response);
      expect(record).toMatchObject({ state: 'failed', choices: [], error: { code, status } });
    }
  });

  test.each(['{"choices": [', '[]', '{"x":1}'])('with what is no answer: %s', async (text) => {
    wire.answerWith((_request, response) => void response.end(text));
    const response = await harness.chat({ model: 'wire/tiny', messages: ask() });
    expect(response.status).toBe(502);
    expect((await harness.recordOf(response)).state).toBe('failed');
  });
});

describe('the client goes away', () => {
  test('in the middle of a stream: the provider is cut off, the record has what was streamed', async () => {
    wire.answerWith(
      streamOf([delta({ role: 'assistant', content: 'One' }), delta({ content: ' two' })], { ending: 'hang' }),
    );
    const response = await harness.chat({ model: 'wire/tiny', messages: ask(), stream: true });
    const reader = response.body?.getReader();
    let seen = '';
    while (!seen.includes('two')) seen += new TextDecoder().decode((await reader?.read())?.value);
    const cut = wire.requests.at(-1)?.cut;
    await reader?.cancel();
    await cut;
    const record = await harness.recordOf(response);
    expect(record).toMatchObject({ state: 'interrupted', error: { code: 'Cancelled' } });
    expect(record.choices[0]?.message).toEqual({ role: 'assistant', content: 'One two' });
  });

  test.each([true, false])('before the provider answered (stream: %s)', async (stream) => {
    const arrived = Promise.withResolvers<void>();
    wire.answerWith(() => arrived.resolve());
    const leaving = new AbortController();
    const asking = harness.chat({ model: 'wire/tiny', messages: ask('leaving'), stream }, { signal: leaving.signal });
    await arrived.promise;
    leaving.abort();
    await expect(asking).rejects.toThrow();
    await wire.requests.at(-1)?.cut;
    await harness.gateway.settled();
    const { items } = await harness.store.chats.list({}, { limit: 1, order: 'desc' });
    expect(items[0]).toMatchObject({ state: 'interrupted', error: { code: 'Cancelled' } });
  });
});

function toWire(choice: {
  index: number;
  message: JsonObject;
  finishReason: string | null;
  extra: JsonObject;
}): JsonObject {
  return { index: choice.index, message: choice.message, finish_reason: choice.finishReason, ...choice.extra };
}
