import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allDocuments } from './band-groups.ts';
import { closestAcross } from './closest.ts';
import { candidatesOf, documentsAtRandom } from './fixtures/sets.ts';
import { sharingWithFresh } from './sharing.ts';

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
      expect(closestAcross({ ...documents, among: allDocuments(documents.count), labels, floor })).toEqual(
        across[0] ?? null,
      );
    }),
    { numRuns: 80 },
  );
});

test('what is known of pairs of which neither is fresh changes nothing', () => {
  const labelled = documentsAtRandom.chain((documents) => {
    const each = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: documents.count, maxLength: documents.count });
    return fc.record({ documents: fc.constant(documents), labels: each(fc.nat(2)), fresh: each(fc.nat(1)) });
  });
  fc.assert(
    fc.property(labelled, fc.constantFrom(0.01, 0.5, 0.8), ({ documents, labels, fresh }, floor) => {
      const all = allDocuments(documents.count);
      const known = closestAcross({ ...documents, among: all.filter((one) => fresh[one] === 0), labels, floor });
      const sharing = sharingWithFresh(documents.count, documents.bands, fresh);
      const among = all.filter((document) => sharing[document] !== 0);
      const whole = closestAcross({ ...documents, among: all, labels, floor });
      expect(closestAcross({ ...documents, among, labels, floor, known })).toEqual(whole);
    }),
    { numRuns: 80 },
  );
});
