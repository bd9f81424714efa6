import { describe, expect, test } from 'vitest';
import type { Arm, Measured } from './arms.ts';
import { claimsOf } from './claims.ts';
import { gainRatio, inPercent, intervalOf, lostShare } from './figures.ts';

describe('intervalOf', () => {
  test('is Student’s t around the mean', () => {
    // 2.776 × sqrt(2.5 / 5), by hand.
    const { mean, low, high } = intervalOf([1, 2, 3, 4, 5]);
    expect([mean, low, high].map((value) => value.toFixed(3))).toEqual(['3.000', '1.037', '4.963']);
  });

  test('of one value is that value', () => {
    expect(intervalOf([0.5])).toEqual({ mean: 0.5, low: 0.5, high: 0.5, n: 1 });
  });

  test('is told in percent', () => {
    expect(inPercent({ mean: 0.912, low: 0.88, high: 0.9444, n: 5 })).toBe('91.2 % (88.0 to 94.4)');
  });
});

test.each([
  [[0.9, 0.7], [0.4, 0.4], 2],
  [[0.9], [0], null],
  [[0.9], [-0.1], null],
])('the gain of %j to %j is %s times', (ours, peer, ratio) => {
  expect(gainRatio(ours, peer)).toBe(ratio);
});

test.each([
  [0.8, 0.6, 0.25],
  [0.8, 0.9, 0],
  [0, 0.5, Number.NaN],
])('of a gain of %f, %f leaves %f lost', (gain, other, lost) => {
  expect(Number(lostShare(gain, other).toFixed(9))).toBe(lost);
});

/** Two seeds of every arm that the claims look at. */
function seeds(change: Partial<Record<Arm, Partial<Measured>>> = {}): Measured[] {
  const good = {
    'ours 50': 0.7,
    'ours 200': 0.9,
    'ours 1000': 1,
    'noisy 200': 0.8,
    'thumbs sft': 0.6,
    'thumbs auto': 0.7,
  };
  const plain = { base: 0, 'stock 50': 0, 'stock 200': 0.1, 'stock 1000': 0.5 };
  return [1, 2].flatMap((seed) =>
    (Object.entries({ ...good, ...plain }) as [Arm, number][]).map(([arm, compliance]) => ({
      arm,
      seed,
      compliance,
      facts: 1,
      method: arm === 'thumbs auto' ? ('kto' as const) : null,
      rows: null,
      steps: null,
      seconds: 1,
      error: null,
      ...change[arm],
    })),
  );
}

describe('claimsOf', () => {
  const missed = (measured: Measured[]) => claimsOf(measured).flatMap(({ name, holds }) => (holds ? [] : [name]));

  test('all hold where all was learned', () => {
    expect(missed(seeds())).toEqual([]);
  });

  test.each<[string, Partial<Record<Arm, Partial<Measured>>>, RegExp]>([
    ['a base that complies', { base: { compliance: 0.2 } }, /the base/],
    ['too little learned', { 'ours 50': { compliance: 0.59 } }, /after 50 rated chats/],
    ['facts lost', { 'ours 200': { facts: 0.97 } }, /right answers after 200/],
    ['a peer that is as good', { 'stock 1000': { compliance: 0.9 } }, /gain of 1000/],
    ['noise that costs', { 'noisy 200': { compliance: 0.6 } }, /a fifth of the ratings/],
    ['disliked answers that teach nothing', { 'thumbs auto': { compliance: 0.64 } }, /picks/],
    ['a recipe that picks plain learning', { 'thumbs auto': { method: 'sft' } }, /picks/],
    ['a second world that is too easy', { 'thumbs sft': { compliance: 0.9 } }, /world of thumbs/],
  ])('%s is told', (_, change, name) => {
    expect(missed(seeds(change)).some((one) => name.test(one))).toBe(true);
  });

  test('a peer that fails gained nothing, and is told', () => {
    const claim = claimsOf(seeds({ 'stock 50': { error: 'ZeroDivisionError' } })).find(({ name }) =>
      /gain of 50/.test(name),
    );
    expect(claim).toMatchObject({
      peer: 0,
      ratio: null,
      holds: true,
      name: expect.stringContaining('failed 2 times') as string,
    });
  });
});
