import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../core/canonical.ts';
import { choicesOf } from '../../core/choices.ts';
import { readUsage } from '../price.ts';
import type { Call } from '../ports.ts';
import { embeddingsOperation } from './embeddings.ts';

function read(body: JsonObject): Call {
  return embeddingsOperation.read(body, JSON.stringify(body));
}

/** Vectors as OpenAI packs them: base64 of little-endian 32-bit floats. */
function packed(numbers: number[]): string {
  return Buffer.from(new Float32Array(numbers).buffer).toString('base64');
}

test('the request passes byte for byte but for the model, and is kept as sent', () => {
  const text = '{"input":["a",\n "b"], "encoding_format":"base64","dimensions":256,"model":"a/b","user":"ann","x":1.0}';
  const call = embeddingsOperation.read(JSON.parse(text), text);
  expect(call.upstream('b', { addUsage: true })).toBe(text.replace('a/b', 'b'));
  expect(call).toMatchObject({ envelope: JSON.parse(text) as JsonObject, messages: [], user: 'ann', stream: false });
});

test.each<[JsonObject, string]>([
  [{ model: 'm' }, 'input'],
  [{ model: 'm', input: null }, 'input'],
  [{ input: 'a' }, 'model'],
  [{ model: 'm', input: 'a', stream: true }, 'stream'],
])('%j is refused for %s', (body, param) => {
  expect(() => read(body)).toThrow(expect.objectContaining({ code: 'InvalidInput', details: { param } }));
});

describe('of the answer', () => {
  const answer = (embeddings: Json[]): JsonObject => ({
    object: 'list',
    data: embeddings.map((embedding, index) => ({ object: 'embedding', index, embedding })),
    model: 'm',
    usage: { prompt_tokens: 8, total_tokens: 8 },
  });

  test.each<[string, Json[], JsonObject]>([
    [
      'numbers',
      [
        [0.25, 1, 2],
        [3, 4, 5],
      ],
      { vectors: 2, dimensions: [3] },
    ],
    ['base64', [packed([0.5, 1, 2, 3, 4])], { vectors: 1, dimensions: [5] }],
    ['different lengths', [[1, 2, 3], [1], packed([1, 2])], { vectors: 3, dimensions: [1, 2, 3] }],
    ['something else', [null], { vectors: 1, dimensions: [] }],
  ])('%s: the record has how many and how long, not the vectors', (_name, embeddings, summary) => {
    const got = answer(embeddings);
    const recorded = read({ model: 'm', input: 'a' }).recordable(got);
    expect(recorded).toEqual({ ...got, data: summary, choices: [] });
    expect(choicesOf(recorded)).toEqual([]);
    expect(readUsage(recorded).promptTokens).toBe(8);
  });

  test('every byte reaches the client; an id is ours where there is one', () => {
    const call = read({ model: 'm', input: 'a' });
    const text = '{"data":[{"embedding":[1.0,-0.0e-7]}]}';
    expect(call.reply(JSON.parse(text) as JsonObject, text, 'c1')).toBe(text);
    expect(call.reply({ id: 'embd-1' }, '{"id":"embd-1", "n":1.0}', 'c1')).toBe('{"id":"c1", "n":1.0}');
  });

  test('what is no answer of this kind is not taken for one', () => {
    expect(choicesOf(read({ model: 'm', input: 'a' }).recordable({ object: 'list' }))).toBeNull();
  });
});
