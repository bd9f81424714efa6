import fc from 'fast-check';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../../core/canonical.ts';
import { RatchetError } from '../../../core/errors.ts';
import { createCollector } from '../../collect.ts';
import type { FrameWriter } from '../../ports.ts';
import { responseOf } from './reply.ts';
import { responseFrames } from './stream.ts';

const { accumulateResponse } = await import('openai/lib/responses/ResponseAccumulator');

type Event = JsonObject & { type: string; sequence_number: number };

/** The events of a text of frames, each checked to be named by its type. */
function eventsOf(text: string): Event[] {
  const frames = text.split('\n\n').slice(0, -1);
  return frames.map((frame) => {
    const [name, data, ...rest] = frame.split('\n');
    const event = JSON.parse((data ?? '').replace(/^data: /, '')) as Event;
    expect({ name, rest }).toEqual({ name: `event: ${event.type}`, rest: [] });
    return event;
  });
}

function write(writer: FrameWriter, chunks: readonly JsonObject[]): Event[] {
  const text = chunks.map((chunk) => writer.chunk(chunk, JSON.stringify(chunk), null)).join('') + writer.end();
  const events = eventsOf(text);
  expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_event, at) => at));
  return events;
}

const chunk = (delta: JsonObject, more: JsonObject = {}): JsonObject => ({
  id: 'x',
  object: 'chat.completion.chunk',
  created: 5,
  model: 'b',
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});
const finish = (reason: string): JsonObject => chunk({}, { finish_reason: reason });
const usage: JsonObject = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const last: JsonObject = { id: 'x', created: 5, model: 'b', choices: [], usage };
const body: JsonObject = { model: 'a/b', input: 'Hi', stream: true };

/** What the library of OpenAI makes of the events. */
function assembled(events: readonly Event[]): JsonObject {
  let snapshot: ReturnType<typeof accumulateResponse> | undefined;
  for (const event of events) snapshot = accumulateResponse(event as unknown as ResponseStreamEvent, snapshot);
  return snapshot as unknown as JsonObject;
}

/** A Response without what differs by the clock, and without what the library adds. */
function settled({ completed_at: at, output_text: _text, ...response }: JsonObject): JsonObject {
  expect(at === null).toBe(response.status !== 'completed');
  return response;
}

describe('the events', () => {
  test('of a text', () => {
    const events = write(responseFrames(body, 'c1'), [
      chunk({ role: 'assistant', content: '' }),
      chunk({ content: 'Hel' }),
      chunk({ content: 'lo' }),
      finish('stop'),
      last,
    ]);
    const place = { item_id: 'msg_c1_0', output_index: 0, content_index: 0 };
    const part = (text: string): JsonObject => ({ type: 'output_text', annotations: [], logprobs: [], text });
    const item = (status: string, content: Json[]): JsonObject => ({
      id: 'msg_c1_0',
      type: 'message',
      status,
      role: 'assistant',
      content,
    });
    const response = (fields: JsonObject): JsonObject => ({
      response: expect.objectContaining({ id: 'c1', object: 'response', created_at: 5, model: 'b', ...fields }) as Json,
    });
    expect(events.map(({ sequence_number: _number, ...event }) => event)).toEqual([
      { type: 'response.created', ...response({ status: 'in_progress', output: [], usage: null, completed_at: null }) },
      { type: 'response.in_progress', ...response({ status: 'in_progress', output: [], usage: null }) },
      { type: 'response.output_item.added', output_index: 0, item: item('in_progress', []) },
      { type: 'response.content_part.added', ...place, part: part('') },
      { type: 'response.output_text.delta', ...place, delta: 'Hel', logprobs: [] },
      { type: 'response.output_text.delta', ...place, delta: 'lo', logprobs: [] },
      { type: 'response.output_text.done', ...place, text: 'Hello', logprobs: [] },
      { type: 'response.content_part.done', ...place, part: part('Hello') },
      { type: 'response.output_item.done', output_index: 0, item: item('completed', [part('Hello')]) },
      {
        type: 'response.completed',
        ...response({
          status: 'completed',
          output: [item('completed', [part('Hello')])],
          usage: expect.objectContaining({ input_tokens: 3, output_tokens: 2 }) as Json,
        }),
      },
    ]);
  });

  const thinking = [
    chunk({ reasoning_content: 'h' }),
    chunk({ reasoning_content: 'm' }),
    chunk({ content: 'T' }),
    chunk({ tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '{"x":' } }] }),
    chunk({ tool_calls: [{ index: 1, id: 'b', type: 'function', function: { name: 'g', arguments: '{' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '1}' } }] }),
    chunk({ tool_calls: [{ index: 1, function: { arguments: '}' } }] }),
    finish('tool_calls'),
  ];

  test('of a thought, a text and two calls that grow side by side', () => {
    const events = write(responseFrames(body, 'c1'), thinking);
    expect(events.map(({ type, output_index: at, delta }) => [type.replace('response.', ''), at, delta])).toEqual([
      ['created', undefined, undefined],
      ['in_progress', undefined, undefined],
      ['output_item.added', 0, undefined],
      ['content_part.added', 0, undefined],
      ['reasoning_text.delta', 0, 'h'],
      ['reasoning_text.delta', 0, 'm'],
      ['reasoning_text.done', 0, undefined],
      ['content_part.done', 0, undefined],
      ['output_item.done', 0, undefined],
      ['output_item.added', 1, undefined],
      ['content_part.added', 1, undefined],
      ['output_text.delta', 1, 'T'],
      ['output_text.done', 1, undefined],
      ['content_part.done', 1, undefined],
      ['output_item.done', 1, undefined],
      ['output_item.added', 2, undefined],
      ['function_call_arguments.delta', 2, '{"x":'],
      ['output_item.added', 3, undefined],
      ['function_call_arguments.delta', 3, '{'],
      ['function_call_arguments.delta', 2, '1}'],
      ['function_call_arguments.delta', 3, '}'],
      ['function_call_arguments.done', 2, undefined],
      ['output_item.done', 2, undefined],
      ['function_call_arguments.done', 3, undefined],
      ['output_item.done', 3, undefined],
      ['completed', undefined, undefined],
    ]);
    expect(events.find(({ type }) => type === 'response.function_call_arguments.done')).toMatchObject({
      item_id: 'fc_c1_2',
      name: 'f',
      arguments: '{"x":1}',
    });
  });

  test('of a thought as the summary that was asked for', () => {
    const events = write(responseFrames({ ...body, reasoning: { summary: 'auto' } }, 'c1'), thinking.slice(0, 3));
    const shown = events
      .slice(2, 9)
      .map(({ type, item_id: id, summary_index: at }) => [type.replace('response.', ''), id, at]);
    const id = 'rs_c1_reasoning_content';
    expect(shown).toEqual([
      ['output_item.added', undefined, undefined],
      ['reasoning_summary_part.added', id, 0],
      ['reasoning_summary_text.delta', id, 0],
      ['reasoning_summary_text.delta', id, 0],
      ['reasoning_summary_text.done', id, 0],
      ['reasoning_summary_part.done', id, 0],
      ['output_item.done', undefined, undefined],
    ]);
  });

  test('of a refusal', () => {
    const events = write(responseFrames(body, 'c1'), [
      chunk({ refusal: 'N' }),
      chunk({ refusal: 'o.' }),
      finish('stop'),
    ]);
    expect(events.slice(3, -2)).toMatchObject([
      { type: 'response.content_part.added', part: { type: 'refusal', refusal: '' } },
      { type: 'response.refusal.delta', delta: 'N' },
      { type: 'response.refusal.delta', delta: 'o.' },
      { type: 'response.refusal.done', refusal: 'No.' },
      { type: 'response.content_part.done', part: { type: 'refusal', refusal: 'No.' } },
    ]);
  });

  test.each([
    ['length', 'response.incomplete', 'max_output_tokens'],
    ['content_filter', 'response.incomplete', 'content_filter'],
  ])('of an answer that ends with %s', (reason, type, why) => {
    const events = write(responseFrames(body, 'c1'), [chunk({ content: 'T' }), finish(reason), last]);
    expect(events.slice(-2)).toMatchObject([
      { type: 'response.output_item.done', item: { status: 'incomplete' } },
      {
        type,
        response: {
          status: 'incomplete',
          incomplete_details: { reason: why },
          output: [{ status: 'incomplete' }],
          usage: { total_tokens: 5 },
        },
      },
    ]);
  });

  test('of an answer that says nothing', () => {
    const events = write(responseFrames(body, 'c1'), [finish('stop')]);
    expect(events.at(-1)).toMatchObject({
      response: { output: [{ type: 'message', content: [{ type: 'output_text', text: '' }] }] },
    });
  });

  test('text after a call is an item of its own', () => {
    const events = write(responseFrames(body, 'c1'), [
      chunk({ content: 'a' }),
      thinking[3] as JsonObject,
      chunk({ content: 'b' }),
      finish('stop'),
    ]);
    const { response } = events.at(-1) as unknown as { response: { output: JsonObject[] } };
    expect(response.output.map(({ id }) => id)).toEqual(['msg_c1_0', 'fc_c1_1', 'msg_c1_2']);
    expect(settled(assembled(events))).toEqual(settled(response as unknown as JsonObject));
  });
});

describe('an error', () => {
  const limited = new RatchetError('RateLimited', 'wire limits the rate.');

  test('in the middle ends the events: `error` for those that throw, and the failed Response', () => {
    const writer = responseFrames(body, 'c1');
    writer.chunk(chunk({ content: 'Ha' }), '', null);
    const events = eventsOf(writer.error(limited));
    expect(events).toMatchObject([
      {
        type: 'error',
        sequence_number: 5,
        code: 'RateLimited',
        message: limited.message,
        param: null,
        error: { type: 'rate_limit_error', code: 'RateLimited' },
      },
      {
        type: 'response.failed',
        sequence_number: 6,
        response: {
          status: 'failed',
          error: { code: 'rate_limit_exceeded', message: limited.message },
          output: [{ type: 'message', status: 'incomplete', content: [{ text: 'Ha' }] }],
        },
      },
    ]);
  });

  test('before anything came is all there is', () => {
    const events = eventsOf(responseFrames(body, 'c1').error(new RatchetError('ProviderUnavailable', 'gone')));
    expect(events).toMatchObject([{ type: 'error', sequence_number: 0, error: { type: 'server_error' } }]);
  });
});

/** A text in pieces. */
const pieces = fc.array(fc.string({ unit: 'grapheme', maxLength: 5 }), { maxLength: 4 });
const calls = fc.array(fc.record({ id: fc.uuid(), name: fc.string({ minLength: 1, maxLength: 4 }), args: pieces }), {
  maxLength: 3,
});
const stream = fc.record({
  thoughts: pieces,
  field: fc.constantFrom('reasoning', 'reasoning_content'),
  texts: pieces,
  refusals: pieces,
  calls,
  finish: fc.constantFrom('stop', 'tool_calls', 'length', 'content_filter'),
  probable: fc.boolean(),
  cited: fc.boolean(),
  summary: fc.boolean(),
  packed: fc.boolean(),
  usage: fc.boolean(),
});
const annotation: JsonObject = {
  type: 'url_citation',
  url_citation: { url: 'u', title: 't', start_index: 0, end_index: 1 },
};

function chunksOf(made: typeof stream extends fc.Arbitrary<infer T> ? T : never): JsonObject[] {
  const probabilities = (token: string): JsonObject =>
    made.probable ? { logprobs: { content: [{ token, logprob: -1 }] } } : {};
  const says = made.texts.join('') !== '';
  return [
    chunk({ role: 'assistant', content: '' }),
    ...made.thoughts.map((text) => chunk({ [made.field]: text })),
    ...(says ? made.texts.map((text) => chunk({ content: text }, probabilities(text))) : []),
    ...(says && made.cited ? [chunk({ annotations: [annotation] })] : []),
    ...made.refusals.map((text) => chunk({ refusal: text })),
    ...made.calls.flatMap(({ id, name, args }, index) => [
      chunk({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] }),
      ...args.map((text) => chunk({ tool_calls: [{ index, function: { arguments: text } }] })),
    ]),
    finish(made.finish),
    ...(made.usage ? [last] : []),
  ];
}

test('however it is cut up, the events make the Response that the whole answer makes', () => {
  fc.assert(
    fc.property(stream, (made) => {
      const sent: JsonObject = {
        ...body,
        ...(made.summary && { reasoning: { summary: 'auto' } }),
        ...(made.packed && { include: ['reasoning.encrypted_content'] }),
      };
      const chunks = chunksOf(made);
      const collector = createCollector();
      for (const each of chunks) collector.add(each);
      const choices = collector
        .choices()
        .map(({ index, message, finishReason, extra }) => ({ index, message, finish_reason: finishReason, ...extra }));
      const whole = settled(responseOf(sent, { ...collector.response(), choices }, 'c1'));
      const events = write(responseFrames(sent, 'c1'), chunks);
      const { response } = events.at(-1) as unknown as { response: JsonObject };
      expect(settled(response)).toEqual(whole);
      // Without the last event, which has all of it, the pieces make the same items.
      expect(assembled(events.slice(0, -1)).output).toEqual(whole.output);
    }),
    { numRuns: 500 },
  );
});
