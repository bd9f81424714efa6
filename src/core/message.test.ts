import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wireMessage } from '../../test/contract/json-arbitraries.ts';
import { type WireMessage, hashInput, joinMessage, splitMessage } from './message.ts';

function hashed(wire: WireMessage, parent: string | null = null): string {
  return hashInput(splitMessage(wire, parent).canonical);
}

test('any message, split and stored as JSON, joins to a deep-equal one', () => {
  const property = fc.property(wireMessage(), fc.option(fc.string()), (wire, parent) => {
    const { canonical, overlay } = splitMessage(wire, parent);
    deepStrictEqual(joinMessage(canonical, overlay), wire);
  });
  fc.assert(property, { numRuns: 500 });
});

test.each<[string, WireMessage]>([
  ['content as parts', { role: 'user', content: [{ type: 'text', text: 'hi' }] }],
  ['reasoning', { role: 'user', content: 'hi', reasoning_content: 'because' }],
  ['nulls', { role: 'user', content: 'hi', name: null, tool_calls: null, refusal: null }],
  ['unknown fields', { role: 'user', content: 'hi', cache: { ttl: 5 } }],
])('%s are stored, not hashed', (_, wire) => {
  expect(hashed(wire)).toBe(hashed({ role: 'user', content: 'hi' }));
  expect(joinMessage(splitMessage(wire, null).canonical, splitMessage(wire, null).overlay)).toEqual(wire);
});

test.each<[string, WireMessage]>([
  ['text', { role: 'user', content: 'hi ' }],
  ['role', { role: 'system', content: 'hi' }],
  ['name', { role: 'user', content: 'hi', name: 'ada' }],
  ['calls', { role: 'user', content: 'hi', tool_calls: [] }],
  ['call id', { role: 'user', content: 'hi', tool_call_id: 'x' }],
])('another %s is another message', (_, wire) => {
  expect(hashed(wire)).not.toBe(hashed({ role: 'user', content: 'hi' }));
});

test('the same words under another parent are another message', () => {
  const wire = { role: 'user', content: 'hi' };
  expect(hashed(wire, 'a')).not.toBe(hashed(wire, 'b'));
});
