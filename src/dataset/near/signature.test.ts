import { expect, test } from 'vitest';
import { documentsOf, plantPair } from './fixtures/planted.ts';
import { shareBand } from './documents.ts';
import { bandCount, bandsOf } from './signature.ts';
import { shingleHashes } from './shingles.ts';

/** The share of pairs that share a band. */
function recallOf(pairs: number, shared: number, lonely: number): number {
  let seen = 0;
  for (let number = 0; number < pairs; number += 1) {
    const { bands } = documentsOf(plantPair(number, shared, lonely, number % (lonely + 1)).texts);
    if (shareBand(bands, 0, 1)) seen += 1;
  }
  return seen / pairs;
}

// Words of a text: shared + 4, and up to lonely more.
test.each([
  { jaccard: 0.8, sizes: [4, 8, 16, 32, 48, 100, 160, 400], least: 0.97 },
  { jaccard: 0.9, sizes: [9, 18, 27, 54, 99, 162, 405], least: 0.999 },
  { jaccard: 0.95, sizes: [19, 38, 57, 95, 152, 399], least: 0.999 },
])('of 1,000 pairs of J = $jaccard of each size at least $least are seen', ({ jaccard, sizes, least }) => {
  for (const shared of sizes) {
    const lonely = Math.round(shared / jaccard) - shared;
    expect(shared / (shared + lonely)).toBe(jaccard);
    expect(recallOf(1000, shared, lonely), `${shared} shared`).toBeGreaterThanOrEqual(least);
  }
});

test('a pair of J = 0.4 is seen about as seldom as the formula says', () => {
  const expected = 1 - (1 - 0.4 ** 7) ** bandCount;
  expect(recallOf(3000, 80, 120)).toBeLessThan(expected + 0.02);
});

test('the keys are those of the set, whatever is in `out` and wherever they are put', () => {
  const shingles = shingleHashes('one two three four five six seven');
  const alone = new Uint32Array(bandCount);
  bandsOf(shingles, alone, 0);
  const among = new Uint32Array(3 * bandCount).fill(7);
  bandsOf(shingles, among, bandCount);
  expect(among.subarray(bandCount, 2 * bandCount)).toEqual(alone);
  expect(among[0]).toBe(7);
  expect(among[2 * bandCount]).toBe(7);
});

test('the keys stay what they are from version to version: what is kept rests on them', () => {
  const out = new Uint32Array(bandCount);
  bandsOf(shingleHashes('The quick brown fox jumps over the lazy dog'), out, 0);
  expect([...out.subarray(0, 4)]).toMatchInlineSnapshot(`
    [
      2689306269,
      1776040350,
      724882781,
      124437642,
    ]
  `);
});
