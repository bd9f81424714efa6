import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../core/canonical.ts';
import { toLitServe } from './request.ts';

const asked = { role: 'user', content: 'Hi' };
const pass = (body: JsonObject): unknown => JSON.parse(toLitServe(JSON.stringify({ messages: [asked], ...body })));

describe('what litgpt is sent', () => {
  test.each<[string, JsonObject, JsonObject]>([
    [
      'what it knows',
      { temperature: 0, top_p: 0.5, stop: ['a'], max_tokens: 3 },
      { temperature: 0, top_p: 0.5, stop: ['a'], max_tokens: 3 },
    ],
    ['nothing that it does not know', { seed: 1, metadata: { a: 1 }, store: false, stream_options: {} }, {}],
    ['nothing that is null', { temperature: null, n: null, tools: null, response_format: null }, {}],
    ['one answer, no tools, plain text', { n: 1, tools: [], response_format: { type: 'text' }, logprobs: false }, {}],
  ])('%s', (_, sent, wanted) => expect(pass(sent)).toEqual({ messages: [asked], ...wanted }));

  test('texts in parts as one, and developers as the system', () => {
    const parts = [
      { type: 'text', text: 'a ' },
      { type: 'text', text: 'b' },
    ];
    expect(pass({ messages: [{ role: 'developer', content: parts }, asked] })).toEqual({
      messages: [{ role: 'system', content: 'a b' }, asked],
    });
  });
});

test.each<[string, JsonObject]>([
  ['no tools', { tools: [{ type: 'function', function: { name: 'f' } }] }],
  ['no tools', { functions: [{ name: 'f' }] }],
  ['no format', { response_format: { type: 'json_object' } }],
  ['one answer', { n: 2 }],
  ['no logprobs', { logprobs: true }],
  ['text only', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] }] }],
  ['no messages', { messages: 'Hi' }],
  ['no object', { messages: ['Hi'] }],
])('it is refused with one sentence: %s', (sentence, body) => {
  const message = expect.stringContaining(sentence) as string;
  expect(() => pass(body)).toThrow(expect.objectContaining({ code: 'InvalidInput', message }));
});
