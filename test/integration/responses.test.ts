import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import type { ResponseInputItem, ResponseStreamEvent } from 'openai/resources/responses/responses';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { JsonObject } from '../../src/core/canonical.ts';
import { startProcess } from '../../src/process/supervise.ts';
import type { ChatStore } from '../../src/store/types.ts';
import { type Harness, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
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
let client: OpenAI;
/** Told before and after the end of a record is written. */
let watch: (moment: 'before' | 'after') => void | Promise<void> = () => undefined;

beforeAll(async () => {
  wire = await startWireServer(['tiny']);
  const wrapChats = (chats: ChatStore): ChatStore => ({
    ...chats,
    async finish(id, outcome) {
      await watch('before');
      await chats.finish(id, outcome);
      await watch('after');
    },
  });
  harness = await openHarness({ providers: [wireProvider(wire.url)], flushMs: 20, wrapChats });
  client = new OpenAI({ baseURL: `${await harness.serve()}/v1`, apiKey: 'none', maxRetries: 0 });
});
beforeEach(() => {
  wire.answerWith(whole('Hello'));
  watch = () => undefined;
});
afterAll(async () => {
  await harness.close();
  await wire.close();
});

const model = 'wire/tiny';
const tool = {
  type: 'function' as const,
  name: 'get_weather',
  description: 'Tells the weather.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
  strict: true,
};
const callOf = (id: string, city: string): JsonObject => ({
  id,
  type: 'function',
  function: { name: 'get_weather', arguments: JSON.stringify({ city }) },
});

async function recordOf(id: string) {
  await harness.gateway.settled();
  const record = await harness.store.chats.get(id);
  if (!record) throw new Error('the completion was not recorded');
  return record;
}

async function eventsOf(stream: AsyncIterable<ResponseStreamEvent>): Promise<ResponseStreamEvent[]> {
  const events: ResponseStreamEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

describe('with the library of OpenAI', () => {
  test('a whole answer; the record has the request as sent and the chat that it stands for', async () => {
    const sent = {
      model,
      instructions: 'Be kind.',
      input: [{ role: 'user' as const, content: [{ type: 'input_text' as const, text: 'Grüße 👋🏽' }] }],
      metadata: { run: '1' },
      max_output_tokens: 9,
      user: 'ann',
    };
    const { data, response } = await client.responses.create(sent).withResponse();
    expect(data).toMatchObject({
      object: 'response',
      status: 'completed',
      output_text: 'Hello',
      metadata: { run: '1' },
      instructions: 'Be kind.',
    });
    expect(data.usage).toMatchObject({ input_tokens: 7, output_tokens: 3, total_tokens: 10 });
    expect(data.id).toBe(response.headers.get('x-ratchet-completion-id'));
    const messages = [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: [{ type: 'text', text: 'Grüße 👋🏽' }] },
    ];
    expect(wire.requests.at(-1)).toMatchObject({ path: '/v1/chat/completions' });
    expect(wire.requests.at(-1)?.body).toEqual({ model: 'tiny', messages, max_tokens: 9, user: 'ann' });
    const record = await recordOf(data.id);
    expect(record).toMatchObject({
      kind: 'responses',
      state: 'complete',
      messages,
      promptTokens: 7,
      completionTokens: 3,
    });
    expect(record.envelope).toEqual(sent);
    expect(record.choices).toMatchObject([
      { index: 0, finishReason: 'stop', message: { role: 'assistant', content: 'Hello' } },
    ]);
    expect(record.response).toMatchObject({ id: 'chatcmpl-upstream', usage: { prompt_tokens: 7 } });
  });

  const chunks = [
    delta({ role: 'assistant', content: '' }),
    delta({ reasoning_content: 'hm' }),
    delta({ content: 'Let me ' }),
    delta({ content: 'see.' }),
    delta({
      tool_calls: [{ index: 0, ...callOf('call_1', 'Bern'), function: { name: 'get_weather', arguments: '' } }],
    }),
    delta({ tool_calls: [{ index: 0, function: { arguments: '{"city":"Be' } }] }),
    delta({ tool_calls: [{ index: 0, function: { arguments: 'rn"}' } }] }),
    finish('tool_calls'),
    { ...chunkFrame, choices: [], usage: { prompt_tokens: 4, completion_tokens: 9, total_tokens: 13 } },
  ];

  test.each([undefined, 11])('a stream in pieces of %s bytes', async (splitAt) => {
    wire.answerWith(streamOf(chunks, { ...(splitAt && { splitAt }) }));
    const stream = await client.responses.create({ model, input: 'Weather?', tools: [tool], stream: true });
    const events = await eventsOf(stream);
    expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_event, at) => at));
    expect(events.map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.reasoning_text.delta',
      'response.reasoning_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
    const last = events.at(-1);
    if (last?.type !== 'response.completed') throw new Error('the stream has no end');
    expect(last.response).toMatchObject({
      status: 'completed',
      usage: { input_tokens: 4, output_tokens: 9 },
      tools: [tool],
    });
    const record = await recordOf(last.response.id);
    expect(record).toMatchObject({ kind: 'responses', stream: true, state: 'complete', completionTokens: 9 });
    expect(record.choices[0]?.message).toEqual({
      role: 'assistant',
      content: 'Let me see.',
      reasoning_content: 'hm',
      tool_calls: [callOf('call_1', 'Bern')],
    });
  });

  test('its helper puts the stream together', async () => {
    wire.answerWith(streamOf(chunks));
    const texts: string[] = [];
    const helper = client.responses.stream({ model, input: 'Weather?', tools: [tool] });
    helper.on('response.output_text.delta', ({ snapshot }) => void texts.push(snapshot));
    const final = await helper.finalResponse();
    expect(texts).toEqual(['Let me ', 'Let me see.']);
    expect(final.output_text).toBe('Let me see.');
    expect(final.output.at(-1)).toMatchObject({
      type: 'function_call',
      call_id: 'call_1',
      parsed_arguments: { city: 'Bern' },
    });
  });

  test('a call of a tool and its answer, in one conversation with the chat that follows', async () => {
    const calls = [callOf('call_1', 'Bern'), callOf('call_2', 'Rom')];
    const turn = { role: 'assistant', content: 'Let me see.', reasoning: 'two cities', tool_calls: calls };
    wire.answerWith((_request, response) =>
      sendJson(response, completionOf([{ index: 0, message: turn, finish_reason: 'tool_calls' }])),
    );
    const input: ResponseInputItem[] = [{ role: 'user', content: 'The weather in Bern and Rom?' }];
    const asked = await client.responses.create({ model, input, tools: [tool] });
    expect(asked.output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'function_call', 'function_call']);
    input.push(...(asked.output as ResponseInputItem[]));
    for (const item of asked.output) {
      if (item.type !== 'function_call') continue;
      input.push({
        type: 'function_call_output',
        call_id: item.call_id,
        output: `sunny in ${JSON.parse(item.arguments).city as string}`,
      });
    }
    wire.answerWith(whole('Sunny in both.'));
    const answered = await client.responses.create({ model, input, tools: [tool] });
    expect(answered.output_text).toBe('Sunny in both.');
    const history: JsonObject[] = [
      { role: 'user', content: 'The weather in Bern and Rom?' },
      turn,
      { role: 'tool', tool_call_id: 'call_1', content: 'sunny in Bern' },
      { role: 'tool', tool_call_id: 'call_2', content: 'sunny in Rom' },
    ];
    expect(wire.requests.at(-1)?.body.messages).toEqual(history);
    const chat = await harness.chat({
      model,
      messages: [...history, { role: 'assistant', content: 'Sunny in both.' }, { role: 'user', content: 'Thanks!' }],
    });
    const records = [await recordOf(asked.id), await recordOf(answered.id), await harness.recordOf(chat)];
    expect(new Set(records.map(({ conversationId }) => conversationId)).size).toBe(1);
    expect(records[1]?.messages).toEqual(history);
  });

  test('an answer in a form that was asked for', async () => {
    wire.answerWith(whole('{"city":"Bern","degrees":21}'));
    const weather = z.object({ city: z.string(), degrees: z.number() });
    const parsed = await client.responses.parse({
      model,
      input: 'Weather?',
      text: { format: zodTextFormat(weather, 'weather') },
    });
    expect(parsed.output_parsed).toEqual({ city: 'Bern', degrees: 21 });
    expect(wire.requests.at(-1)?.body.response_format).toMatchObject({
      type: 'json_schema',
      json_schema: { name: 'weather', strict: true, schema: { type: 'object', required: ['city', 'degrees'] } },
    });
  });

  test('an image, and a thought that a client without state carries on', async () => {
    const details = [{ type: 'reasoning.text', text: 'hm', signature: 's', index: 0 }];
    wire.answerWith(
      streamOf([
        delta({
          role: 'assistant',
          reasoning: 'h',
          reasoning_details: [{ type: 'reasoning.text', text: 'h', index: 0 }],
        }),
        delta({ reasoning: 'm', reasoning_details: [{ type: 'reasoning.text', text: 'm', signature: 's', index: 0 }] }),
        delta({ content: 'A cat.' }),
        finish('stop'),
      ]),
    );
    const image = { type: 'input_image' as const, image_url: 'data:image/png;base64,AAAA', detail: 'low' as const };
    const input: ResponseInputItem[] = [
      { role: 'user', content: [{ type: 'input_text', text: 'What is it?' }, image] },
    ];
    const include = ['reasoning.encrypted_content' as const];
    const first = await client.responses.stream({ model, input, include, store: false }).finalResponse();
    input.push(...(first.output as ResponseInputItem[]), { role: 'user', content: 'Sure?' });
    wire.answerWith(whole('Sure.'));
    await client.responses.create({ model, input, include, store: false });
    expect(wire.requests.at(-1)?.body.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
        ],
      },
      { role: 'assistant', content: 'A cat.', reasoning: 'hm', reasoning_details: details },
      { role: 'user', content: 'Sure?' },
    ]);
    const record = await recordOf(first.id);
    expect(record).toMatchObject({ record: 'meta', messages: [], choices: [], state: 'complete' });
    expect(JSON.stringify(record)).not.toMatch(/cat|What is it|AAAA/);
  });

  test('items by their ids, as libraries send them that take answers for kept', async () => {
    const turn = {
      role: 'assistant',
      content: 'Let me see.',
      reasoning_content: 'hm',
      tool_calls: [callOf('call_1', 'Bern')],
    };
    wire.answerWith((_request, response) =>
      sendJson(response, completionOf([{ index: 0, message: turn, finish_reason: 'tool_calls' }])),
    );
    const asked = await client.responses.create({ model, input: 'Weather in Bern?', tools: [tool] });
    wire.answerWith(whole('Sunny.'));
    const input: ResponseInputItem[] = [
      { role: 'user', content: 'Weather in Bern?' },
      ...asked.output.map(({ id = '' }) => ({ type: 'item_reference' as const, id })),
      { type: 'function_call_output', call_id: 'call_1', output: 'sunny' },
    ];
    const answered = await client.responses.create({ model, input, tools: [tool] });
    const messages = [
      { role: 'user', content: 'Weather in Bern?' },
      turn,
      { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
    ];
    expect(wire.requests.at(-1)?.body.messages).toEqual(messages);
    expect(await recordOf(answered.id)).toMatchObject({
      messages,
      envelope: { input },
      conversationId: (await recordOf(asked.id)).conversationId,
    });
  });

  test('items that are not there for the one who asks are refused', async () => {
    const root = 'a-key-of-sixteen-letters';
    const guarded = await openHarness({ providers: [wireProvider(wire.url)], apiKey: root });
    const baseURL = `${await guarded.serve()}/v1`;
    const as = (apiKey: string) => new OpenAI({ baseURL, apiKey, maxRetries: 0 });
    const kept = await as(root).responses.create({ model, input: 'Hi' });
    const unkept = await as(root).responses.create({ model, input: 'Hi', store: false });
    const headers = { authorization: `Bearer ${root}` };
    const made = await guarded.post('/api/keys', { name: 'stranger', owner: 'stranger', role: 'chat' }, { headers });
    const { key: strange } = (await made.json()) as { key: string };
    const refer = (id: string | undefined, apiKey: string) =>
      as(apiKey)
        .responses.create({ model, input: [{ type: 'item_reference', id: id ?? '' }] })
        .then(({ status }) => status)
        .catch((error: unknown) => error);
    expect(await refer(kept.output[0]?.id, root)).toBe('completed');
    const cases = [
      [kept.output[0]?.id, strange],
      [unkept.output[0]?.id, root],
      ['msg_of_another_house', root],
    ] as const;
    for (const [id, apiKey] of cases) {
      expect(await refer(id, apiKey)).toMatchObject({ status: 400, code: 'InvalidInput', param: 'input.0.id' });
    }
    await guarded.close();
  });

  test('what is refused, by us and by the provider', async () => {
    const refusal = async (more: object) =>
      client.responses.create({ model, input: 'Hi', ...more }).catch((error: unknown) => error);
    expect(await refusal({ previous_response_id: 'resp_1' })).toMatchObject({
      status: 400,
      code: 'InvalidInput',
      param: 'previous_response_id',
    });
    expect(await refusal({ tools: [{ type: 'web_search' }] })).toMatchObject({ status: 400, param: 'tools.0.type' });
    wire.answerWith(fails(429, { error: { message: 'slow down' } }, { 'retry-after': '3' }));
    expect(await refusal({})).toBeInstanceOf(OpenAI.RateLimitError);
    expect(await refusal({ stream: true })).toBeInstanceOf(OpenAI.RateLimitError);
  });
});

describe('with ChatOpenAI of LangChain', () => {
  const chat = () =>
    new ChatOpenAI({
      model,
      useResponsesApi: true,
      apiKey: 'none',
      maxRetries: 0,
      configuration: { baseURL: client.baseURL },
    });

  test('a stream, and a call of a tool with its answer', async () => {
    wire.answerWith(streamOf([delta({ content: 'Hel' }), delta({ content: 'lo' }), finish('stop')]));
    const texts: string[] = [];
    for await (const chunk of await chat().stream('Hi')) texts.push(chunk.text);
    expect(texts.join('')).toBe('Hello');

    const turn = {
      role: 'assistant',
      content: 'Let me see.',
      reasoning_content: 'hm',
      tool_calls: [callOf('call_1', 'Bern')],
    };
    wire.answerWith((_request, response) =>
      sendJson(response, completionOf([{ index: 0, message: turn, finish_reason: 'tool_calls' }])),
    );
    const bound = chat().bindTools([tool]);
    const asked = new HumanMessage('Weather in Bern?');
    const answered = await bound.invoke([asked]);
    expect(answered.tool_calls).toMatchObject([{ id: 'call_1', name: 'get_weather', args: { city: 'Bern' } }]);
    wire.answerWith(whole('Sunny.'));
    const last = await bound.invoke([asked, answered, new ToolMessage({ tool_call_id: 'call_1', content: 'sunny' })]);
    expect(last.text).toBe('Sunny.');
    expect(wire.requests.at(-1)?.body.messages).toEqual([
      { role: 'user', content: 'Weather in Bern?' },
      turn,
      { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
    ]);
  });
});

test('with the library of OpenAI for Python: Responses, texts and embeddings', async () => {
  const python = process.env.RATCHET_TEST_PYTHON;
  if (!python) throw new Error('Set RATCHET_TEST_PYTHON to a Python that has the package openai.');
  wire.answerWith((request, response) => {
    const { body, path } = request;
    if (path.endsWith('/embeddings')) {
      const embedding = Buffer.from(new Float32Array([0.5, -1]).buffer).toString('base64');
      return sendJson(response, {
        object: 'list',
        data: [{ object: 'embedding', index: 0, embedding }],
        model: 'tiny',
      });
    }
    const text = body.response_format === undefined ? 'Hello' : '{"city":"Bern"}';
    if (!path.endsWith('/chat/completions'))
      return sendJson(response, completionOf([{ index: 0, text, finish_reason: 'stop' }]));
    return whole(text)(request, response);
  });
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-python-'));
  const lines: string[] = [];
  const script = fileURLToPath(new URL('../fixtures/openai_routes.py', import.meta.url));
  const child = startProcess({
    command: python,
    args: [script, `${await harness.serve()}/v1`, model],
    logFile: join(folder, 'log'),
    onLine: (line) => void lines.push(line),
  });
  const { code, tail } = await child.exited;
  await rm(folder, { recursive: true });
  expect({ code, tail }).toMatchObject({ code: 0 });
  const saw = JSON.parse(lines.at(-1) ?? '') as JsonObject & {
    whole: { id: string };
    events: string[];
    final: { id: string };
  };
  expect(saw).toMatchObject({
    whole: { text: 'Hello', status: 'completed' },
    final: { text: 'Hello', status: 'completed' },
    parsed: 'Bern',
    refused: { status: 400, param: 'previous_response_id' },
    text: 'Hello',
    embedding: [0.5, -1],
  });
  expect([saw.events[0], saw.events.at(-1)]).toEqual(['response.created', 'response.completed']);
  for (const { id } of [saw.whole, saw.final])
    expect(await recordOf(id)).toMatchObject({ kind: 'responses', state: 'complete' });
});

describe('the end of a stream', () => {
  const asked = { model, input: 'Hi', stream: true };

  test('comes only when the record is durable', async () => {
    const release = Promise.withResolvers<void>();
    const writing = Promise.withResolvers<void>();
    watch = (moment) => {
      if (moment === 'after') return undefined;
      writing.resolve();
      return release.promise;
    };
    wire.answerWith(streamOf([delta({ content: 'Hello' }), finish('stop')]));
    const response = await harness.post('/v1/responses', asked);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let seen = '';
    let over = false;
    const reading = (async () => {
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true };
        if (done) break;
        seen += value ?? '';
      }
      over = true;
    })();
    await writing.promise;
    while (!seen.includes('"delta":"Hello"')) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(over).toBe(false);
    expect(seen).not.toMatch(/response\.completed|output_item\.done/);
    release.resolve();
    await reading;
    expect(seen).toMatch(/event: response\.completed\n[^\n]*\n\n$/);
    expect((await harness.recordOf(response)).state).toBe('complete');
  });

  test('when the record cannot be written is an error', async () => {
    watch = (moment) => {
      if (moment === 'before') throw new Error('the disk is gone');
    };
    wire.answerWith(streamOf([delta({ content: 'Hello' }), finish('stop')]));
    const text = await (await harness.post('/v1/responses', asked)).text();
    expect(text).toMatch('"code":"StoreUnavailable"');
    expect(text).toMatch('event: response.failed');
    expect(text).not.toMatch('response.completed');
  });

  test('when the provider is cut off is an error, with what came', async () => {
    wire.answerWith(streamOf([delta({ content: 'Half' })], { ending: 'cut', pauseMs: 20 }));
    const response = await harness.post('/v1/responses', asked);
    const text = await response.text();
    const [failed, error] = text
      .trimEnd()
      .split('\n\n')
      .reverse()
      .map((frame) => JSON.parse(frame.split('data: ')[1] ?? '') as JsonObject);
    expect(error).toMatchObject({ type: 'error', code: 'ProviderUnavailable', error: { type: 'server_error' } });
    expect(failed).toMatchObject({
      type: 'response.failed',
      response: {
        status: 'failed',
        error: { code: 'server_error' },
        output: [{ status: 'incomplete', content: [{ text: 'Half' }] }],
      },
    });
    const record = await harness.recordOf(response);
    expect(record.state).toBe('interrupted');
    expect(record.choices[0]?.message.content).toBe('Half');
    const stream = await client.responses.create({ model, input: 'Hi', stream: true });
    await expect(eventsOf(stream)).rejects.toMatchObject({ code: 'ProviderUnavailable' });
    await expect(client.responses.stream({ model, input: 'Hi' }).finalResponse()).rejects.toMatchObject({
      code: 'ProviderUnavailable',
    });
  });

  test('by the limit of tokens is told', async () => {
    wire.answerWith(streamOf([delta({ content: 'Half' }), finish('length')]));
    const final = await client.responses.stream({ model, input: 'Hi', max_output_tokens: 1 }).finalResponse();
    expect(final).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output_text: 'Half',
    });
    expect((await recordOf(final.id)).choices[0]?.finishReason).toBe('length');
  });
});
