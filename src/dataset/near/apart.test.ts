import fc from 'fast-check';
import { expect, test } from 'vitest';
import { areApart } from './apart.ts';
import { type Head, headLength } from './head.ts';
import { jaccardFrom } from './jaccard.ts';

/** Two that share much, with few or none more or less than it takes; ascending. */
const pair = fc
  .record({ shared: fc.nat(40), one: fc.nat(8), other: fc.nat(8), seed: fc.nat(1000) })
  .map(({ shared, one, other, seed }) => {
    const numbers = (from: number, count: number): number[] =>
      Array.from({ length: count }, (_, at) => Math.imul(seed + from + at, 0x9e3779b1) >>> 0);
    const set = (own: number[]): Uint32Array => Uint32Array.from([...numbers(0, shared + 1), ...own]).sort();
    return [set(numbers(100, one)), set(numbers(200, other))] as const;
  });
const threshold = fc.constantFrom(0.5, 0.75, 0.8, 0.9, 1);

function headIn(numbers: Uint32Array, to: number): Head {
  return { numbers, from: 0, to, size: numbers.length };
}

test('no two that are similar enough are apart, whatever is known of their first members', () => {
  fc.assert(
    fc.property(pair, threshold, fc.nat(60), ([one, other], least, length) => {
      const heads = [one, other].map((numbers) => headIn(numbers, Math.min(numbers.length, length))) as [Head, Head];
      if (jaccardFrom(one, other, least) >= least) {
        expect(areApart(...heads, { threshold: least, unsure: 0 })).toBe(false);
      } else if (length >= 60) {
        expect(areApart(...heads, { threshold: least, unsure: 0 })).toBe(true);
      }
    }),
    { numRuns: 2000 },
  );
});

test('members that one does not list although it has them are made up for', () => {
  fc.assert(
    fc.property(pair, threshold, fc.integer({ min: 2, max: 5 }), ([one, other], least, part) => {
      // As a prefix has it, where what is common comes last.
      const isCommon = (number: number): boolean => number % part === 0;
      const listed = other.filter((number) => !isCommon(number));
      const unsure = one.filter(isCommon).length;
      const prefix = { ...headIn(listed, listed.length), size: other.length };
      if (jaccardFrom(one, other, least) < least) return;
      expect(areApart(headIn(one, one.length), prefix, { threshold: least, unsure })).toBe(false);
    }),
    { numRuns: 2000 },
  );
});

test('two that only share something that many have are told by their first members', () => {
  const numbered = (first: number): Uint32Array =>
    Uint32Array.from({ length: 100 }, (_, at) => (at === 3 ? 6 : first + 2 * at));
  const heads = [1000, 1001].map((first) => {
    const numbers = numbered(first).sort();
    return headIn(numbers, headLength(numbers.length, 0.8));
  }) as [Head, Head];
  expect(areApart(...heads, { threshold: 0.8, unsure: 0 })).toBe(true);
});
