import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../core/canonical.ts';
import { choicesOf } from '../../core/choices.ts';
import { createCollector } from '../collect.ts';
import type { Call } from '../ports.ts';
import { textOperation } from './text.ts';

function read(body: JsonObject): Call {
  return textOperation.read(body, JSON.stringify(body));
}

/** A choice of a text completion out of what the record has of it. */
function toText({ index, message, finishReason, extra }: NonNullable<ReturnType<typeof choicesOf>>[number]): Json {
  return { ...extra, index, text: message.content ?? null, finish_reason: finishReason };
}

test.each<[Json, Json | undefined, number]>([
  ['a', undefined, 1],
  [null, 2, 2],
  [['a', 'b'], undefined, 2],
  [['a', 'b'], 3, 6],
  [[1, 2, 3], undefined, 1],
  [[[1, 2], [3]], 2, 4],
  [['a', [3]], null, 2],
  [['a'], 'many', 1],
])('prompt %j with n %j makes %i choices', (prompt, n, choices) => {
  expect(read({ model: 'm', prompt, ...(n !== undefined && { n }) }).choices).toBe(choices);
});

test.each<[JsonObject, string]>([
  [{ prompt: 'a' }, 'model'],
  [{ model: 'm', prompt: 1 }, 'prompt'],
  [{ model: 'm', prompt: [] }, 'prompt'],
  [{ model: 'm', prompt: [{}] }, 'prompt'],
  [{ model: 'm', prompt: [[['a']]] }, 'prompt'],
  [{ model: 'm', prompt: 'a', stream: 'yes' }, 'stream'],
])('%j is refused for %s', (body, param) => {
  expect(() => read(body)).toThrow(expect.objectContaining({ code: 'InvalidInput', details: { param } }));
});

test('the request passes byte for byte but for the model, and is kept as sent', () => {
  const text =
    '{"prompt" : "Once",\n"best_of":3, "logit_bias":{"50256":-100}, "temperature":1.0,"model":"a/b","big":12345678901234567890}';
  const call = textOperation.read(JSON.parse(text), text);
  expect(call.upstream('b', { addUsage: false })).toBe(text.replace('a/b', 'b'));
  expect(JSON.parse(call.upstream('b', { addUsage: true }))).toMatchObject({ stream_options: { include_usage: true } });
  expect(call).toMatchObject({ messages: [], envelope: JSON.parse(text) as JsonObject, user: null, unrecorded: false });
  expect(read({ model: 'm', prompt: '', store: false, user: 'ann' })).toMatchObject({ user: 'ann', unrecorded: true });
});

const logprobs = (tokens: string[]): JsonObject => ({
  tokens,
  token_logprobs: tokens.map((_token, at) => (at === 0 ? null : -at)),
  top_logprobs: tokens.map((token) => ({ [token]: -1 })),
  text_offset: tokens.map((_token, at) => at),
});

describe('the record gives the answer back', () => {
  const choices: JsonObject[] = [
    { text: 'upon a', index: 0, logprobs: logprobs(['upon', ' a']), finish_reason: 'length', stop_reason: 7 },
    { text: '', index: 1, logprobs: null, finish_reason: 'stop', prompt_logprobs: [null, { a: 1 }] },
  ];
  const answer: JsonObject = { id: 'x', object: 'text_completion', created: 1, model: 'm', usage: {}, choices };

  test('of an answer that came whole', () => {
    const call = read({ model: 'm', prompt: 'Once', echo: true });
    const recorded = call.recordable(answer);
    expect(choicesOf(recorded)?.map(toText)).toEqual(choices);
    expect({ ...recorded, choices }).toEqual(answer);
    expect(call.reply(answer, '{"a":1.0,"id":"x"}', 'cmpl-1')).toBe('{"a":1.0,"id":"cmpl-1"}');
  });

  test('of a stream, with the choices mixed', () => {
    const call = read({ model: 'm', prompt: 'Once', n: 2, stream: true });
    const collector = createCollector();
    const piece = (index: number, text: string, more: JsonObject = {}): JsonObject => ({
      ...answer,
      choices: [{ index, text, logprobs: null, finish_reason: null, ...more }],
    });
    const chunks = [
      piece(1, ''),
      piece(0, 'upon', {
        logprobs: { tokens: ['upon'], token_logprobs: [null], top_logprobs: [{ upon: -1 }], text_offset: [0] },
      }),
      piece(1, '', { prompt_logprobs: [null, { a: 1 }], finish_reason: 'stop' }),
      piece(0, ' a', {
        logprobs: { tokens: [' a'], token_logprobs: [-1], top_logprobs: [{ ' a': -1 }], text_offset: [1] },
      }),
      piece(0, '', { finish_reason: 'length', stop_reason: 7 }),
    ];
    for (const chunk of chunks) collector.add(call.collectable(chunk));
    expect(collector.started()).toBe(true);
    expect(collector.finished(call.choices)).toBe(true);
    expect(collector.choices().map(toText)).toEqual(choices);
  });

  test('what is no answer of this kind is not taken for one', () => {
    const call = read({ model: 'm', prompt: 'Once' });
    for (const odd of [{}, { choices: 'no' }, { choices: [1] }, { choices: [{ index: 0 }] }]) {
      expect(choicesOf(call.recordable(odd as JsonObject))).toBeNull();
    }
  });
});

test('frames pass with our id, and a usage that only we asked for stays here', () => {
  const call = read({ model: 'm', prompt: 'Once', stream: true });
  const data = '{"id":"x","choices":[{"text":"a","index":0}]}';
  const usage = '{"id":"x","choices":[],"usage":{"prompt_tokens":1}}';
  const writer = call.frames('c1', { hideUsage: true });
  expect(writer.chunk(JSON.parse(data) as JsonObject, data, null)).toBe(`data: ${data.replace('"x"', '"c1"')}\n\n`);
  expect(writer.chunk(JSON.parse(usage) as JsonObject, usage, null)).toBe('');
  expect(call.frames('c1', { hideUsage: false }).chunk(JSON.parse(usage) as JsonObject, usage, 'x')).toMatch(
    /^event: x\ndata: .*"c1"/,
  );
  expect(writer.end()).toBe('data: [DONE]\n\n');
});
