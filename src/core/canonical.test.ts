import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from './canonical.ts';

/** Keys that an object would put elsewhere are as likely as others. */
const key = fc.oneof(
  fc.string({ maxLength: 3 }),
  fc.constantFrom('__proto__', '10', '9', '01', 'toString', 'é', '\u{1f600}'),
);
const { value } = fc.letrec<{ value: unknown; list: unknown[]; object: object }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(fc.string(), fc.double(), fc.integer(), fc.boolean(), fc.constant(null)),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((members) => Object.fromEntries(members)),
}));

/** Put together by its definition. */
function byHand(one: unknown): string {
  if (Array.isArray(one)) return `[${one.map(byHand).join(',')}]`;
  if (one === null || typeof one !== 'object') return JSON.stringify(one) ?? 'null';
  const members = Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${byHand(member)}`).join(',')}}`;
}

test('keys stand by code unit wherever they stood, and nothing is lost', () => {
  fc.assert(
    fc.property(value, (one) => {
      const text = canonicalJson(one);
      expect(text).toBe(byHand(one));
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(one)));
    }),
    { numRuns: 1000 },
  );
});

test('members that are undefined are left out, and what is asked of stays as it was', () => {
  const asked = { b: [{ d: 1, c: undefined }], a: undefined };
  expect(canonicalJson(asked)).toBe('{"b":[{"d":1}]}');
  expect(Object.keys(asked)).toEqual(['b', 'a']);
});
