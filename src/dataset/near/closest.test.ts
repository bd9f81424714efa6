import fc from 'fast-check';
import { expect, test } from 'vitest';
import { closestAcross } from './closest.ts';
import { candidatesOf, documentsAtRandom } from './fixtures/sets.ts';

test('the closest pair is the most similar candidate of two labels, the first of several', () => {
  const labelled = documentsAtRandom.chain((documents) =>
    fc.record({
      documents: fc.constant(documents),
      labels: fc.array(fc.nat(2), { minLength: documents.count, maxLength: documents.count }),
    }),
  );
  fc.assert(
    fc.property(labelled, fc.constantFrom(0.01, 0.5, 0.8), ({ documents, labels }, floor) => {
      const across = candidatesOf(documents).filter(({ a, b, jaccard }) => labels[a] !== labels[b] && jaccard >= floor);
      across.sort((one, other) => other.jaccard - one.jaccard || one.a - other.a || one.b - other.b);
      expect(closestAcross({ ...documents, labels, floor })).toEqual(across[0] ?? null);
    }),
    { numRuns: 80 },
  );
});
