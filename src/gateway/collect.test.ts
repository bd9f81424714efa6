import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../core/canonical.ts';
import { createCollector } from './collect.ts';

/** The message that deltas of one choice make. */
function merged(...deltas: JsonObject[]): JsonObject | undefined {
  const collector = createCollector();
  for (const delta of deltas) collector.add({ choices: [{ index: 0, delta }] });
  return collector.choices()[0]?.message;
}

const call = (fields: JsonObject): JsonObject => ({ tool_calls: [fields] });

describe('deltas become the message that the call without a stream gives', () => {
  test.each<[string, JsonObject[], JsonObject]>([
    ['texts grow', [{ role: 'assistant', content: 'a' }, { content: 'b' }], { role: 'assistant', content: 'ab' }],
    [
      'a repeated role stays',
      [
        { role: 'assistant', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
      { role: 'assistant', content: 'ab' },
    ],
    [
      'null never replaces',
      [{ content: 'a' }, { content: null, refusal: null }],
      { role: 'assistant', content: 'a', refusal: null },
    ],
    ['null gives way', [{ content: null }, { content: 'a' }], { role: 'assistant', content: 'a' }],
    [
      'reasoning grows',
      [{ reasoning: 'x', reasoning_content: 'y' }, { reasoning: 'z' }],
      { role: 'assistant', reasoning: 'xz', reasoning_content: 'y' },
    ],
    ['unknown lists grow', [{ annotations: [1] }, { annotations: [2] }], { role: 'assistant', annotations: [1, 2] }],
    [
      'unknown objects merge',
      [{ audio: { id: 'a', data: 'x' } }, { audio: { data: 'y' } }],
      { role: 'assistant', audio: { id: 'a', data: 'xy' } },
    ],
    ['ids are not glued', [{ item_id: 'a' }, { item_id: 'a' }], { role: 'assistant', item_id: 'a' }],
    [
      'calls without an index begin with a new id',
      [
        call({ id: 'a', function: { name: 'f', arguments: '1' } }),
        call({ id: 'b', function: { name: 'g', arguments: '2' } }),
        call({ function: { arguments: '3' } }),
      ],
      {
        role: 'assistant',
        tool_calls: [
          { id: 'a', function: { name: 'f', arguments: '1' } },
          { id: 'b', function: { name: 'g', arguments: '23' } },
        ],
      },
    ],
    [
      'a repeated name stays, a cut one grows',
      [
        call({ index: 0, id: 'a', function: { name: 'get_', arguments: '' } }),
        call({ index: 0, id: 'a', function: { name: 'time' } }),
        call({ index: 0, function: { name: 'get_time', arguments: '{}' } }),
      ],
      { role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'get_time', arguments: '{}' } }] },
    ],
    [
      'a prototype is not touched',
      [JSON.parse('{"content":"a","__proto__":{"x":1}}') as JsonObject],
      { role: 'assistant', content: 'a' },
    ],
  ])('%s', (_name, deltas, expected) => {
    expect(merged(...deltas)).toEqual(expected);
  });
});

test('choices keep their order, other fields and finish reasons', () => {
  const collector = createCollector();
  collector.add({ id: 'x', usage: null, choices: [{ index: 1, delta: { content: 'b' }, stop_reason: null }] });
  collector.add({ id: 'x', choices: [{ index: 0, delta: { content: 'a' }, finish_reason: '' }] });
  expect(collector.finished(1)).toBe(false);
  collector.add({ id: 'x', choices: [{ index: 1, delta: {}, finish_reason: 'stop', stop_reason: 42 }] });
  collector.add({ id: 'x', choices: [{ index: 0, delta: {}, finish_reason: 'length' }] });
  collector.add({ id: 'x', choices: [], usage: { prompt_tokens: 1 } });
  expect([collector.finished(2), collector.finished(3)]).toEqual([true, false]);
  expect(collector.choices()).toEqual([
    { index: 0, message: { role: 'assistant', content: 'a' }, finishReason: 'length', extra: {} },
    { index: 1, message: { role: 'assistant', content: 'b' }, finishReason: 'stop', extra: { stop_reason: 42 } },
  ]);
  expect(collector.response()).toEqual({ id: 'x', usage: { prompt_tokens: 1 } });
});

test.each<[string, boolean]>([
  ['{"role":"assistant","content":""}', false],
  ['{"role":"assistant"}', false],
  ['{"content":"x"}', true],
  ['{"reasoning":"x"}', true],
  ['{"tool_calls":[{}]}', true],
])('%s starts the answer: %s', (delta, started) => {
  const collector = createCollector();
  collector.add({ choices: [{ delta: JSON.parse(delta) as Json }] });
  expect(collector.started()).toBe(started);
});
