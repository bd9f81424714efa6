import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSearch, wordsIn } from './words.ts';

/** As words of a text are cut whatever it is written in. */
function cut(text: string): string {
  // What is not ASCII is cut the long way; a word of its own changes nothing else.
  return wordsIn(`${text} \u00e9`).replace(/ ?e$/, '');
}

test.each([
  ['Hello, World!', 'hello world'],
  ['  one\ttwo\r\nthree  ', 'one two three'],
  ['a.b-c_d', 'a b c d'],
  ['x = (y+1)*2;', 'x y 1 2'],
  ['', ''],
  ['...', ''],
  ['caf\u00e9 \u6771\u4eac', 'cafe \u6771 \u4eac'],
  [`a ${'b'.repeat(200)} ${'c'.repeat(201)} d`, `a ${'b'.repeat(200)} d`],
])('the words of %j are %j', (text, words) => {
  expect(wordsIn(text)).toBe(words);
});

test('plain text is cut like any other', () => {
  const text = fc.string({ unit: fc.constantFrom(...' \t\n.,-_aAzZ09'.split('')), maxLength: 300 });
  fc.assert(
    fc.property(text, (plain) => {
      expect(wordsIn(plain)).toBe(cut(plain));
    }),
  );
});

test('a search finds its words as they are indexed', () => {
  expect(parseSearch('"Hello, World" begin*')).toEqual([
    { words: ['hello', 'world'], prefix: false },
    { words: ['begin'], prefix: true },
  ]);
});
