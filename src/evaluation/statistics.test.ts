import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRandom } from './random.ts';
import {
  bootstrapInterval,
  comparePaired,
  mcnemarExact,
  newcombeInterval,
  signFlip,
  wilsonInterval,
} from './statistics.ts';

describe('mcnemarExact', () => {
  // Values of statsmodels 0.14, mcnemar(exact=True).
  test.each([
    [12, 2, 0.012939453125],
    [0, 5, 0.0625],
    [10, 10, 1],
    [30, 15, 0.035697803555194696],
    [1, 0, 1],
    [0, 0, 1],
    [60, 20, 8.580559867049611e-6],
  ])('%i against %i discordant pairs', (b, c, p) => {
    expect(mcnemarExact(b, c)).toBeCloseTo(p, 12);
  });

  test('stays a number where ½^n underflows', () => {
    expect(mcnemarExact(2600, 2400)).toBeGreaterThan(0.004);
    expect(mcnemarExact(2600, 2400)).toBeLessThan(0.006);
  });

  test('is symmetric and falls as the split becomes less even', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(300), (b, c) => {
        const p = mcnemarExact(b, c);
        expect(p).toBe(mcnemarExact(c, b));
        expect(p).toBeGreaterThan(0);
        expect(p).toBeLessThanOrEqual(1);
        if (c > b) expect(mcnemarExact(b, c + 1)).toBeLessThanOrEqual(p + 1e-12);
      }),
    );
  });
});

describe('newcombeInterval', () => {
  // First row: Newcombe 1998, Statistics in Medicine 17:2635, table of method 10.
  test.each([
    [{ both: 36, first: 12, second: 2, neither: 0 }, 0.0569, 0.3404],
    [{ both: 54, first: 0, second: 0, neither: 0 }, -0.0664, 0.0664],
  ])('%j', (counts, low, high) => {
    const interval = newcombeInterval(counts);
    expect(interval[0]).toBeCloseTo(low, 4);
    expect(interval[1]).toBeCloseTo(high, 4);
  });

  test('holds the difference, stays within [−1, 1], and turns round with the models', () => {
    const count = fc.nat(80);
    fc.assert(
      fc.property(count, count, count, count, (both, first, second, neither) => {
        fc.pre(both + first + second + neither > 0);
        const [low, high] = newcombeInterval({ both, first, second, neither });
        const difference = (first - second) / (both + first + second + neither);
        expect(low).toBeGreaterThanOrEqual(-1);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(difference + 1e-9);
        expect(high).toBeGreaterThanOrEqual(difference - 1e-9);
        const turned = newcombeInterval({ both, first: second, second: first, neither });
        expect(turned[0]).toBeCloseTo(-high, 9);
        expect(turned[1]).toBeCloseTo(-low, 9);
      }),
    );
  });
});

describe('wilsonInterval', () => {
  // R: prop.test(81, 263, correct = FALSE).
  test('of 81 in 263', () => {
    const [low, high] = wilsonInterval(81 / 263, 263);
    expect(low).toBeCloseTo(0.2553, 4);
    expect(high).toBeCloseTo(0.3662, 4);
  });
});

describe('signFlip', () => {
  test.each([
    [[1, 2, 3, 4, 5], 2 / 32],
    [[0.1, -0.1], 1],
    [[], 1],
    [[0, 0, 0], 1],
    [[0.5, 0.5, 0.5, 0], 2 / 8],
  ])('%j, every assignment counted', (differences, p) => {
    expect(signFlip(differences, 1)).toBe(p);
  });

  test('many differences: seeded, and near the exact binomial when all are of one size', () => {
    const differences = Array.from({ length: 20 }, (_, index) => (index < 14 ? 0.2 : -0.2));
    const p = signFlip(differences, 7);
    expect(p).toBe(signFlip(differences, 7));
    expect(p).toBeCloseTo(mcnemarExact(14, 6), 1.5);
  });

  test('never gives 0 and does not depend on direction', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { maxLength: 12 }), (differences) => {
        const p = signFlip(differences, 3);
        expect(p).toBeGreaterThan(0);
        expect(
          signFlip(
            differences.map((difference) => -difference),
            3,
          ),
        ).toBeCloseTo(p, 9);
      }),
      { numRuns: 30 },
    );
  });
});

describe('comparePaired', () => {
  test('under no difference, about alpha of the comparisons are significant', () => {
    const random = createRandom(11);
    let significant = 0;
    const runs = 400;
    for (let run = 0; run < runs; run++) {
      const scores = () => Array.from({ length: 60 }, () => (random() < 0.5 ? 1 : 0));
      if (comparePaired(scores(), scores(), run).p < 0.05) significant++;
    }
    expect(significant / runs).toBeLessThan(0.06);
  });

  test('scores between 0 and 1 take the permutation test and a bootstrap interval around the difference', () => {
    const other = Array.from({ length: 40 }, (_, index) => (index % 10) / 20);
    const candidate = other.map((score, index) => score + 0.2 + (index % 3) / 50);
    const result = comparePaired(candidate, other, 1);
    expect(result).toMatchObject({ test: 'sign-flip', n: 40 });
    expect(result.p).toBeLessThan(0.001);
    expect(result.interval[0]).toBeLessThan(result.difference);
    expect(result.interval[1]).toBeGreaterThan(result.difference);
    expect(result.interval[0]).toBeGreaterThan(0.2);
  });

  test('nothing to compare says nothing', () => {
    expect(comparePaired([], [], 1)).toEqual({
      n: 0,
      candidate: 0,
      other: 0,
      difference: 0,
      interval: [-1, 1],
      p: 1,
      test: 'mcnemar-exact',
    });
  });
});

test('bootstrapInterval of equal values is that value', () => {
  expect(bootstrapInterval([0.25, 0.25, 0.25], 1)).toEqual([0.25, 0.25]);
});
