import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findClusters } from './clusters.ts';
import type { Documents } from './documents.ts';
import { type Apart, byHand } from './fixtures/by-hand.ts';
import { candidatesOf, documentsAtRandom, orders, reorder } from './fixtures/sets.ts';
import { chooseSurvivors } from './survivors.ts';

const threshold = 0.6;

function survive(documents: Documents, order: readonly number[], apart?: Apart): number[] {
  const { root } = findClusters({ ...documents, threshold });
  const clusters = Map.groupBy(order, (document) => root[document]).values();
  return [...chooseSurvivors({ ...documents, clusters, threshold, ...(apart && { apart }) })];
}

const cases = documentsAtRandom.chain((documents) =>
  fc.record({
    documents: fc.constant(documents),
    order: orders(documents.count),
    moved: orders(documents.count),
    conversation: fc.array(fc.nat(5), { minLength: documents.count, maxLength: documents.count }),
  }),
);

test('a document goes when it is near a stronger one that stays, and is not a turn of the same conversation', () => {
  fc.assert(
    fc.property(cases, ({ documents, order, conversation }) => {
      const apart: Apart = (a, b) => conversation[a] === conversation[b];
      expect(survive(documents, order, apart)).toEqual(byHand(documents, order, { threshold, apart }));
    }),
    { numRuns: 60 },
  );
});

test('who stays is decided by strength, not by where a document stands', () => {
  fc.assert(
    fc.property(cases, ({ documents, order, moved }) => {
      const before = survive(documents, order);
      const placeOf = new Map(moved.map((from, to) => [from, to]));
      const after = survive(
        reorder(documents, moved),
        order.map((document) => placeOf.get(document) ?? -1),
      );
      const named = after.map((keeper) => moved[keeper] ?? -1);
      expect(moved.map((from) => before[from])).toEqual(named);
    }),
    { numRuns: 60 },
  );
});

test('no two that stay are near, and each that goes is near the one that stands for it', () => {
  fc.assert(
    fc.property(cases, ({ documents, order }) => {
      const keeper = survive(documents, order);
      for (const { a, b, jaccard } of candidatesOf(documents)) {
        if (keeper[a] === -1 && keeper[b] === -1) expect(jaccard).toBeLessThan(threshold);
        if (keeper[a] === b || keeper[b] === a) expect(jaccard).toBeGreaterThanOrEqual(threshold);
      }
    }),
    { numRuns: 60 },
  );
});

test('a chain of neighbours does not carry a document away', () => {
  const set = (from: number) => Uint32Array.from({ length: 10 }, (_, index) => from + index);
  const sets = [set(0), set(2), set(4)];
  const documents = {
    count: 3,
    bands: new Uint32Array(3 * 18),
    shinglesOf: (document: number) => sets[document] ?? set(0),
  };
  // J is 8 / 12 between neighbours and 6 / 14 between the ends.
  expect(survive(documents, [0, 1, 2])).toEqual([-1, 0, -1]);
  expect(survive(documents, [1, 0, 2])).toEqual([1, -1, 1]);
  expect(survive(documents, [2, 1])).toEqual([-1, 2, -1]);
});
