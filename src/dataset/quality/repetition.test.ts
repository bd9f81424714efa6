import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isRepetitive } from './repetition.ts';
import { numberWords } from './words.ts';

/** The rules of the paper word by word, without any short way. */
function plainly(words: readonly string[]): boolean {
  const total = words.join('').length;
  const over = (n: number, share: number, count: (grams: string[][]) => number) => {
    const grams = words.slice(n - 1).map((_, at) => words.slice(at, at + n));
    return count(grams) > share * total;
  };
  const top = (grams: string[][]) => {
    const counts = new Map<string, number>();
    let most = 1;
    let characters = 0;
    for (const gram of grams) {
      const key = gram.join(' ');
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (count > most) [most, characters] = [count, gram.join('').length];
    }
    return most * characters;
  };
  const repeated = (grams: string[][]) => {
    const seen = new Set<string>();
    let characters = 0;
    for (let at = 0; at < grams.length; at++) {
      const key = (grams[at] ?? []).join(' ');
      if (seen.has(key)) {
        characters += (grams[at] ?? []).join('').length;
        at += (grams[at] ?? []).length - 1;
      } else {
        seen.add(key);
      }
    }
    return characters;
  };
  const shares: [number, number][] = [
    [5, 0.15],
    [6, 0.14],
    [7, 0.13],
    [8, 0.12],
    [9, 0.11],
    [10, 0.1],
  ];
  const tops: [number, number][] = [
    [2, 0.2],
    [3, 0.18],
    [4, 0.16],
  ];
  return tops.some(([n, share]) => over(n, share, top)) || shares.some(([n, share]) => over(n, share, repeated));
}

const vocabulary = Array.from({ length: 300 }, (_, at) => 'abcdefghij'.slice(at % 10, (at % 10) + 1 + (at % 7)) + at);
const phrase = fc.array(fc.constantFrom(...vocabulary), { minLength: 1, maxLength: 30 });
const said = fc
  .array(fc.tuple(phrase, fc.constantFrom(1, 1, 1, 1, 2, 3)), { minLength: 1, maxLength: 8 })
  .map((phrases) => phrases.flatMap(([words, times]) => Array.from({ length: times }, () => words).flat()));

test('the short ways change no verdict', () => {
  let repetitive = 0;
  fc.assert(
    fc.property(said, (words) => {
      const text = words.join(' ');
      const verdict = isRepetitive(text, numberWords(text), { min_words: 1, leniency: 1 });
      if (verdict) repetitive++;
      expect(verdict).toBe(plainly(words));
    }),
    { numRuns: 2000, seed: 1 },
  );
  expect(repetitive).toBeGreaterThan(200);
  expect(repetitive).toBeLessThan(1800);
});
