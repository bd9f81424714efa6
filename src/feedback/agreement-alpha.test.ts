import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Metric, createAlpha } from './agreement-alpha.ts';

const none = null;

/** Rows are who judged, columns are what was judged. */
function alphaOf(metric: Metric, rows: readonly (readonly (number | null)[])[]) {
  const sum = createAlpha(metric);
  for (const [unit] of (rows[0] ?? []).entries()) sum.add(rows.flatMap((row) => row[unit] ?? []));
  return sum.result();
}

// Krippendorff 2011, sections A to D; and the example of the encyclopedia's article.
const twoBinary = [
  [0, 1, 0, 0, 0, 0, 0, 0, 1, 0],
  [1, 1, 1, 0, 0, 1, 0, 0, 0, 0],
];
const twoNominal = [
  [1, 1, 2, 2, 4, 3, 3, 3, 5, 4, 4, 1],
  [2, 1, 2, 2, 2, 3, 3, 3, 5, 4, 4, 4],
];
const fourWithGaps = [
  [1, 2, 3, 3, 2, 1, 4, 1, 2, none, none, none],
  [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, none, 3],
  [none, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, none],
  [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, none],
];
const threeWithGaps = [
  [none, none, none, none, none, 3, 4, 1, 2, 1, 1, 3, 3, none, 3],
  [1, none, 2, 1, 3, 3, 4, 3, none, none, none, none, none, none, none],
  [none, none, 2, 1, 3, 4, 4, none, 2, 1, 1, 3, 3, none, 4],
];

describe('published examples', () => {
  test.each<[string, Metric, (number | null)[][], number, number]>([
    ['two who judge, two values', 'nominal', twoBinary, 0.095, 20],
    ['two who judge, five values', 'nominal', twoNominal, 0.692, 24],
    ['four who judge, with gaps', 'nominal', fourWithGaps, 0.743, 40],
    ['four who judge, with gaps', 'interval', fourWithGaps, 0.849, 40],
    ['three who judge, with gaps', 'nominal', threeWithGaps, 0.691, 26],
    ['three who judge, with gaps', 'interval', threeWithGaps, 0.811, 26],
  ])('%s, %s', (_name, metric, rows, alpha, values) => {
    const found = alphaOf(metric, rows);
    expect(found.alpha).toBeCloseTo(alpha, 3);
    expect(found.values).toBe(values);
  });
});

test.each<[string, number[][]]>([
  ['nothing', []],
  ['one value each', [[1], [-1]]],
  [
    'only one value',
    [
      [1, 1],
      [1, 1, 1],
    ],
  ],
])('%s says nothing of agreement', (_name, units) => {
  for (const metric of ['nominal', 'interval'] as const) {
    const sum = createAlpha(metric);
    for (const values of units) sum.add(values);
    expect(sum.result().alpha).toBeNull();
  }
});

test('units, values and pairs are those that can be compared', () => {
  const sum = createAlpha('nominal');
  for (const values of [[1, -1, 1], [1], [], [-1, -1]]) sum.add(values);
  expect(sum.result()).toMatchObject({ units: 2, values: 5, pairs: 4 });
});

const units = fc.array(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 }), { maxLength: 12 });

test('it is what the sums over all pairs say', () => {
  fc.assert(
    fc.property(units, fc.constantFrom<Metric>('nominal', 'interval'), (given, metric) => {
      const delta = (a: number, b: number) => (metric === 'nominal' ? Number(a !== b) : (a - b) ** 2);
      const over = (values: readonly number[]) =>
        values.reduce((sum, a) => sum + values.reduce((inner, b) => inner + delta(a, b), 0), 0);
      const kept = given.filter((values) => values.length > 1);
      const all = kept.flat();
      const observed = kept.reduce((sum, values) => sum + over(values) / (values.length - 1), 0) / all.length;
      const expected = over(all) / (all.length * (all.length - 1));
      const sum = createAlpha(metric);
      for (const values of given) sum.add(values);
      const { alpha } = sum.result();
      if (!(expected > 0)) expect(alpha).toBeNull();
      else expect(alpha).toBeCloseTo(1 - observed / expected, 9);
    }),
  );
});
