import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shingleHashes } from './shingles.ts';

const words = fc.array(fc.stringMatching(/^[a-z]{1,3}$/), { minLength: 1, maxLength: 400 });

test('as many as there are different runs of five words, sorted, each once', () => {
  fc.assert(
    fc.property(words, (list) => {
      const runs = new Set(list.slice(4).map((_, index) => list.slice(index, index + 5).join(' ')));
      const hashes = [...shingleHashes(list.join(' '))];
      expect(hashes).toHaveLength(Math.max(1, runs.size));
      expect(hashes).toEqual([...new Set(hashes)].sort((a, b) => a - b));
    }),
    // The same lists each time: of other words two runs may share a hash of 32 bits.
    { seed: 5 },
  );
});

test('a shingle is the same wherever it stands', () => {
  fc.assert(
    fc.property(words, words, (before, after) => {
      const [only] = shingleHashes('alpha beta gamma delta epsilon');
      const text = [...before, 'alpha beta gamma delta epsilon', ...after].join(' ');
      expect([...shingleHashes(text)]).toContain(only);
    }),
  );
});

test('long texts are sorted as well', () => {
  const text = Array.from({ length: 5000 }, (_, index) => `w${index}`).join(' ');
  const hashes = shingleHashes(text);
  expect(hashes).toHaveLength(4996);
  expect(hashes).toEqual(hashes.slice().sort());
});

test.each([
  ['two words', 'two words more'],
  ['!!!', '???'],
  ['🙂', '🙃'],
  ['a a a', 'a a a a'],
])('%j and %j are one shingle each, and different', (a, b) => {
  expect([shingleHashes(a).length, shingleHashes(b).length]).toEqual([1, 1]);
  expect(shingleHashes(a)).not.toEqual(shingleHashes(b));
});

test('the hashes stay what they are from version to version: what is kept rests on them', () => {
  expect([...shingleHashes('The quick brown fox jumps over the lazy dog')]).toMatchInlineSnapshot(`
    [
      562032084,
      2044387745,
      2430327508,
      2631437147,
      3345104278,
    ]
  `);
});
