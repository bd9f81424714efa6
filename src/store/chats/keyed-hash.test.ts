import { createHmac, createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyedHash } from './keyed-hash.ts';

const bytes = fc.uint8Array({ minLength: 1, maxLength: 130 });
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary', minLength: 16_000, maxLength: 17_000 }),
  fc.constantFrom('', '\u0000', '\ud800', 'a\udfff', '€'.repeat(16_384), '€'.repeat(16_385)),
);

test('is the HMAC that Node makes, for every key and text', () => {
  const same = fc.property(bytes, fc.array(text, { minLength: 1, maxLength: 4 }), (secret, texts) => {
    const key = createSecretKey(secret);
    const expected = texts.map((each) => createHmac('sha256', key).update(each).digest('hex'));
    expect(texts.map((each) => keyedHash(key, each))).toEqual(expected);
  });
  fc.assert(same);
});

test('one key does not take the place of another', () => {
  const keys = ['one', 'two', 'one'].map((secret) => createSecretKey(secret, 'utf8'));
  const [one, two, again] = keys.map((key) => keyedHash(key, 'text'));
  expect(two).not.toBe(one);
  expect(again).toBe(one);
});
