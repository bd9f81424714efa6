import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../core/canonical.ts';
import { createSetter, depthOf, setMember, setNestedMember } from './splice.ts';

const parse = (text: string): JsonObject => JSON.parse(text) as JsonObject;

/** A JSON object as a text with white space and escapes that `JSON.stringify` would not write. */
const space = fc.constantFrom('', ' ', '\n', '\t', '\r\n  ');
// V8 13.6 itself misreads an escaped key where it has seen a key of that length that begins with a backslash.
const keys = fc.oneof(
  fc.constantFrom('id', 'model', '', '__proto__', 'a"b', '{', '}', ',', ':', 'stream_options', 'ü', '\u0000'),
  fc.string({ maxLength: 4 }).filter((key) => !key.includes('\\')),
);
const escaped = (text: string): string =>
  `"${[...Array(text.length).keys()].map((at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;
const keyText = fc.tuple(keys, fc.boolean()).map(([key, odd]) => (odd ? escaped(key) : JSON.stringify(key)));
const scalar = fc.oneof(
  fc.constantFrom('12345678901234567890', '1.0', '1e400', '-0', 'null', 'true', '""', '"\\""', '"\\\\"', '"}"', '0'),
  fc.string().map((text) => JSON.stringify(text)),
);
const value: fc.Arbitrary<string> = fc.letrec<{ any: string; list: string; object: string }>((tie) => ({
  any: fc.oneof({ depthSize: 'small' }, scalar, tie('list'), tie('object')),
  list: fc.array(tie('any'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
  object: fc
    .array(fc.tuple(keyText, space, tie('any'), space), { maxLength: 4 })
    .map((members) => `{${members.map(([key, a, item, b]) => `${a}${key}${b}:${a}${item}${b}`).join(',')}}`),
})).any;
const object = fc
  .tuple(space, fc.array(fc.tuple(keyText, space, value, space), { maxLength: 6 }), space)
  .map(
    ([before, members, after]) =>
      `${before}{${after}${members.map(([key, a, item, b]) => `${a}${key}${b}:${b}${item}${a}`).join(',')}}${after}`,
  );

describe('setMember', () => {
  test('reads as the same object with the member set', () => {
    fc.assert(
      fc.property(object, keys, scalar, (text, key, to) => {
        const wanted = Object.fromEntries([...Object.entries(parse(text)), [key, JSON.parse(to) as never]]);
        expect(parse(setMember(text, key, to))).toEqual(wanted);
      }),
      { numRuns: 2_000 },
    );
  });

  test('setting what is set already, as it is written, changes no byte', () => {
    fc.assert(
      fc.property(object, keys, (text, key) => {
        const once = setMember(text, key, '"x"');
        expect(setMember(once, key, '"x"')).toBe(once);
        expect(once.length).toBeGreaterThan(0);
      }),
    );
  });

  test.each([
    ['{"model":"a","n":12345678901234567890}', '{"model":"b","n":12345678901234567890}'],
    ['{ "x" : {"model":"in"} ,\n"model" :"a" , "y":1.0}', '{ "x" : {"model":"in"} ,\n"model" :"b" , "y":1.0}'],
    [
      '{"a":[{"model":1}],"s":"\\"model\\":\\"a\\"","m\\u006fdel":-0}',
      '{"a":[{"model":1}],"s":"\\"model\\":\\"a\\"","m\\u006fdel":"b"}',
    ],
    ['{"model":1e400,"model":{"model":[2]}}', '{"model":"b","model":"b"}'],
    ['{"x":1e400}', '{"model":"b","x":1e400}'],
    [' {\n} ', ' {"model":"b"\n} '],
  ])('%s', (text, wanted) => {
    expect(setMember(text, 'model', '"b"')).toBe(wanted);
  });
});

test.each([
  ['{"a":1}', '{"stream_options":{"include_usage":true},"a":1}'],
  ['{"stream_options":null}', '{"stream_options":{"include_usage":true}}'],
  ['{"stream_options":{ "x": 1.0 }}', '{"stream_options":{"include_usage":true, "x": 1.0 }}'],
  ['{"stream_options":{"include_usage":false}}', '{"stream_options":{"include_usage":true}}'],
])('setNestedMember in %s', (text, wanted) => {
  expect(setNestedMember(text, ['stream_options', 'include_usage'], 'true')).toBe(wanted);
});

test('depthOf counts what is nested, not what is said', () => {
  const depth = (json: unknown): number =>
    typeof json === 'object' && json !== null ? 1 + Math.max(0, ...Object.values(json).map(depth)) : 0;
  expect(['1', '"[[{"', '[]', '{"a":[{}]}', '["\\"[", [[]]]'].map(depthOf)).toEqual([0, 0, 1, 3, 3]);
  fc.assert(
    fc.property(fc.jsonValue(), (json) => {
      expect(depthOf(JSON.stringify(json))).toBe(depth(json));
    }),
  );
});

describe('a setter', () => {
  test('does what setMember does, whatever came before', () => {
    const beginnings = fc.constantFrom(
      '{"id":"a"',
      '{"id":"a","b":1',
      '{ "x":[], "id" : "a"',
      '{"id":1',
      '{"i\\u0064":"a"',
    );
    const texts = fc.tuple(beginnings, object).map(([beginning, text]) => {
      const rest = text.slice(text.indexOf('{') + 1).trimStart();
      return `${beginning}${rest.startsWith('}') ? '' : ','}${rest}`;
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(texts, object), { maxLength: 6 }), (all) => {
        const set = createSetter('id', '"mine"');
        for (const text of all) expect(set(text)).toBe(setMember(text, 'id', '"mine"'));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['{"id":"a","b":1}', '{"id":"a","id":"c"}', '{"id":"m","id":"m"}'],
    ['{"id":"a","b":1}', '{"id":"a","\\u0069d":"c"}', '{"id":"m","\\u0069d":"m"}'],
    ['{"id":"a","b":1}', '{"id":"a","b":{"id":"c"}}', '{"id":"m","b":{"id":"c"}}'],
    ['{"id":1,"b":1}', '{"id":12,"b":1}', '{"id":"m","b":1}'],
    ['{"b":1}', '{"b":1,"id":"c"}', '{"b":1,"id":"m"}'],
  ])('of a text after %s', (first, second, expected) => {
    const set = createSetter('id', '"m"');
    set(first);
    expect(set(second)).toBe(expected);
  });
});
