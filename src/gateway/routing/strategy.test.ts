import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Strategy, strategies } from '../../core/settings.ts';
import type { Provider } from '../../providers/types.ts';
import { type Candidate, type Standing, inOrder } from './strategy.ts';

const provider = { name: 'p' } as Provider;
const candidates = (weights: number[]): Candidate[] =>
  weights.map((weight, at) => {
    const model = String(at);
    return { target: { provider, model }, deployment: { model, weight, tags: [] } };
  });
const idle: Standing = { inFlight: () => 0, tokens: () => 0, latency: () => null, price: () => null };
const models = (ordered: readonly Candidate[]) => ordered.map(({ target }) => target.model).join('');

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('shuffled', () => {
  const draws = 20_000;
  // 0.1 % of fair ones are above these.
  const critical: Readonly<Record<number, number>> = { 1: 10.828, 2: 13.816, 3: 16.266 };

  function chiSquare(counts: readonly number[], shares: readonly number[]): number {
    const drawn = counts.reduce((sum, count) => sum + count, 0);
    return counts.reduce(
      (sum, count, at) => sum + (count - drawn * (shares[at] ?? 0)) ** 2 / (drawn * (shares[at] ?? 0)),
      0,
    );
  }

  test.each([[[1, 1, 1]], [[5, 3, 1, 1]], [[0.5, 8]], [[100, 1, 1]]])(
    'the first is each by its weight: %j',
    (weights) => {
      const random = seeded(20_260_101);
      const counts = weights.map(() => 0);
      for (let draw = 0; draw < draws; draw += 1) {
        const [first] = inOrder(candidates(weights), 'shuffle', idle, random);
        const at = Number(first?.target.model);
        counts[at] = (counts[at] ?? 0) + 1;
      }
      const sum = weights.reduce((all, weight) => all + weight, 0);
      expect(
        chiSquare(
          counts,
          weights.map((weight) => weight / sum),
        ),
      ).toBeLessThan(critical[weights.length - 1] ?? 0);
    },
  );

  test('and the second is each of the others by its weight', () => {
    const random = seeded(7);
    const counts = [0, 0];
    for (let draw = 0; draw < draws; draw += 1) {
      const [first, second] = inOrder(candidates([4, 3, 1]), 'shuffle', idle, random);
      if (first?.target.model !== '0') continue;
      counts[second?.target.model === '1' ? 0 : 1] = (counts[second?.target.model === '1' ? 0 : 1] ?? 0) + 1;
    }
    expect(chiSquare(counts, [0.75, 0.25])).toBeLessThan(critical[1] ?? 0);
  });
});

describe('by what is known', () => {
  const figures =
    (...values: (number | null)[]) =>
    ({ model }: { model: string }) =>
      values[Number(model)] ?? null;
  const counts =
    (...values: number[]) =>
    (target: { model: string }) =>
      figures(...values)(target) ?? 0;

  test.each<[Strategy, Partial<Standing>, string]>([
    ['order', { inFlight: counts(9, 0, 5), tokens: counts(9, 0, 5) }, '012'],
    ['least-busy', { inFlight: counts(9, 0, 5) }, '120'],
    ['least-busy', { inFlight: counts(2, 2, 1) }, '201'],
    ['usage', { tokens: counts(900, 20, 500) }, '120'],
    ['latency', { latency: figures(300, 100, 200) }, '120'],
    ['latency', { latency: figures(300, 100, null) }, '210'],
    ['cost', { price: figures(10, 0.1, null) }, '102'],
    ['cost', { price: figures(null, 10, 0) }, '210'],
  ])('%s of %o', (strategy, standing, expected) => {
    expect(models(inOrder(candidates([1, 1, 1]), strategy, { ...idle, ...standing }, () => 0.5))).toBe(expected);
  });

  test('the fastest is not always first, so that the others are measured again', () => {
    const random = seeded(3);
    const standing = { ...idle, latency: figures(100, 200, 300) };
    const firsts = Array.from({ length: 2_000 }, () => {
      return inOrder(candidates([1, 1, 1]), 'latency', standing, random)[0]?.target.model;
    });
    const share = (model: string) => firsts.filter((first) => first === model).length / firsts.length;
    expect(share('0')).toBeGreaterThan(0.92);
    expect(Math.min(share('1'), share('2'))).toBeGreaterThan(0.01);
  });
});

test('every strategy asks each candidate once', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...strategies),
      fc.array(fc.double({ min: 0.01, max: 1_000, noNaN: true }), { maxLength: 12 }),
      fc.array(fc.option(fc.nat(1_000), { nil: null }), { minLength: 12, maxLength: 12 }),
      fc.integer(),
      (strategy, weights, values, seed) => {
        const value = ({ model }: { model: string }) => values[Number(model)] ?? null;
        const count = (target: { model: string }) => value(target) ?? 0;
        const standing = { inFlight: count, tokens: count, latency: value, price: value };
        const all = candidates(weights);
        const ordered = inOrder(all, strategy, standing, seeded(seed));
        expect(new Set(ordered)).toEqual(new Set(all));
        expect(ordered).toHaveLength(all.length);
      },
    ),
  );
});
