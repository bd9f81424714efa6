import fc from 'fast-check';
import { expect, test } from 'vitest';
import { diffWords } from './correction-diff.ts';

test.each<[string, string, [string, string][]]>([
  [
    'The capital is Lyon.',
    'The capital is Paris.',
    [
      ['same', 'The capital is '],
      ['removed', 'Lyon'],
      ['added', 'Paris'],
      ['same', '.'],
    ],
  ],
  ['same', 'same', [['same', 'same']]],
  ['', 'all new', [['added', 'all new']]],
  [
    'größer',
    'grösser',
    [
      ['removed', 'größer'],
      ['added', 'grösser'],
    ],
  ],
])('%j and %j', (before, after, expected) => {
  expect(diffWords(before, after).map(({ kind, text }) => [kind, text])).toEqual(expected);
});

const words = fc.array(fc.constantFrom('a', 'word', ' ', '\n', ', ', 'ß', '漢字', '😀'), { maxLength: 40 });

test('without what was added it is the answer, without what was removed the correction', () => {
  fc.assert(
    fc.property(words, words, (before, after) => {
      const parts = diffWords(before.join(''), after.join(''));
      const without = (left: string) => parts.flatMap(({ kind, text }) => (kind === left ? [] : [text])).join('');
      expect(without('added')).toBe(before.join(''));
      expect(without('removed')).toBe(after.join(''));
    }),
  );
});

test('long texts with nothing in common are told as wholes', () => {
  const text = (word: string) => Array.from({ length: 1_100 }, (_, at) => `${word}${at}`).join(' ');
  expect(diffWords(text('a'), text('b')).map(({ kind }) => kind)).toEqual(['removed', 'added']);
});
