import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pairsAcross, pairsOfFresh } from './across.ts';
import { jaccardFrom } from './jaccard.ts';
import { shingleHashes } from './shingles.ts';

interface Document {
  shingles: Uint32Array;
  label: number;
}

const find = (documents: readonly Document[], threshold: number, fresh?: readonly number[], atOnce = 1000) =>
  pairsAcross({
    count: documents.length,
    shinglesOf: (document) => documents[document]?.shingles ?? new Uint32Array(),
    labels: documents.map(({ label }) => label),
    threshold,
    atOnce,
    ...(fresh && { fresh }),
  });

/** By comparing each with each. */
function all(documents: readonly Document[], threshold: number) {
  return documents.flatMap((one, a) =>
    documents.slice(a + 1).flatMap((other, at) => {
      const jaccard = jaccardFrom(one.shingles, other.shingles, threshold);
      return one.label !== other.label && jaccard >= threshold ? [{ a, b: a + 1 + at, jaccard }] : [];
    }),
  );
}

test('finds every pair that comparing each with each finds, and no other', () => {
  // Few shingles, so that many sets are alike; some are in nearly all of them.
  const set = fc.uniqueArray(fc.oneof(fc.nat(12), fc.nat(60)), { minLength: 1, maxLength: 30 });
  const document = fc.record({ set, label: fc.nat(2) }).map(({ set: numbers, label }) => ({
    shingles: Uint32Array.from(numbers.map((number) => Math.imul(number + 1, 0x9e3779b1) >>> 0)).sort(),
    label,
  }));
  const threshold = fc.constantFrom(0.5, 0.75, 0.8, 0.9, 1);
  fc.assert(
    fc.property(fc.array(document, { maxLength: 40 }), threshold, (documents, least) => {
      expect(find(documents, least)).toEqual(all(documents, least));
      expect(find(documents, least, undefined, 3)).toEqual(all(documents, least));
    }),
    { numRuns: 400 },
  );
});

test('finds every pair of sets that are just similar enough, whatever all of them have in common', () => {
  const some = (most: number, length: number) => fc.uniqueArray(fc.nat(most), { maxLength: length });
  const one = fc.record({ family: fc.nat(2), without: some(29, 5), extra: some(1000, 5), label: fc.nat(2) });
  const cases = fc.record({
    common: fc.nat(40),
    own: fc.integer({ min: 2, max: 30 }),
    ones: fc.array(one, { minLength: 20, maxLength: 40, size: 'max' }),
    seed: fc.nat(1000),
    threshold: fc.constantFrom(0.5, 0.75, 0.8, 0.9),
  });
  fc.assert(
    fc.property(cases, ({ common, own, ones, seed, threshold }) => {
      const hashes = (numbers: number[]) => numbers.map((number) => Math.imul(number + seed, 0x85ebca6b) >>> 0);
      const documents = ones.map(({ family, without, extra, label }) => {
        const shared = Array.from({ length: common }, (_, at) => 5000 + at);
        const core = Array.from({ length: own }, (_, at) => 2000 + family * 100 + at).filter(
          (_, at) => !without.includes(at),
        );
        return { shingles: Uint32Array.from(hashes([...shared, ...core, ...extra])).sort(), label };
      });
      expect(find(documents, threshold)).toEqual(all(documents, threshold));
    }),
    { numRuns: 300 },
  );
});

test('of documents that were looked at before, it finds what each fresh one makes with any other', () => {
  const set = fc.uniqueArray(fc.nat(20), { minLength: 1, maxLength: 20 });
  const document = fc.record({ set, label: fc.nat(2), fresh: fc.nat(1) }).map(({ set: numbers, ...rest }) => ({
    shingles: Uint32Array.from(numbers.map((number) => Math.imul(number + 1, 0x9e3779b1) >>> 0)).sort(),
    ...rest,
  }));
  fc.assert(
    fc.property(fc.array(document, { maxLength: 40 }), fc.constantFrom(0.5, 0.8), (documents, least) => {
      const fresh = documents.map((one) => one.fresh);
      const found = find(documents, least, fresh);
      // It may tell of others too where it looks at all of them, and then of each of these.
      expect(find(documents, least)).toEqual(expect.arrayContaining(found));
      const wanted = all(documents, least).filter(({ a, b }) => fresh[a] === 1 || fresh[b] === 1);
      expect(found).toEqual(expect.arrayContaining(wanted));
    }),
    { numRuns: 200 },
  );
});

test('of fresh documents it finds every pair with any other that is worth it, unless that is too much', () => {
  const set = fc.uniqueArray(fc.oneof(fc.nat(12), fc.nat(60)), { minLength: 1, maxLength: 30 });
  const document = fc.record({ set, part: fc.nat(3), fresh: fc.nat(1) }).map(({ set: numbers, ...rest }) => ({
    shingles: Uint32Array.from(numbers.map((number) => Math.imul(number + 1, 0x9e3779b1) >>> 0)).sort(),
    ...rest,
  }));
  fc.assert(
    fc.property(fc.array(document, { maxLength: 40 }), fc.constantFrom(0.5, 0.8, 1), (documents, threshold) => {
      const isWorth = (a: number, b: number): boolean => documents[a]?.part !== documents[b]?.part;
      const options = {
        count: documents.length,
        shinglesOf: (at: number) => documents[at]?.shingles ?? new Uint32Array(),
        threshold,
        fresh: documents.map(({ fresh }) => fresh),
        isWorth,
      };
      const wanted = all(
        documents.map(({ shingles, part }) => ({ shingles, label: part })),
        threshold,
      ).filter(({ a, b }) => documents[a]?.fresh === 1 || documents[b]?.fresh === 1);
      const found = pairsOfFresh({ ...options, most: Number.POSITIVE_INFINITY });
      expect(found?.toSorted((one, other) => one.a - other.a || one.b - other.b)).toEqual(wanted);
      if (wanted.length > 0) expect(pairsOfFresh({ ...options, most: 0 })).toBeNull();
    }),
    { numRuns: 300 },
  );
});

test('finds pairs of texts of which every one holds the same boilerplate', () => {
  const boilerplate = 'thank you for asking us we are glad to help you with whatever it is that you need';
  const text = (number: number, more: string): string =>
    `${boilerplate} ${Array.from({ length: 120 }, (_, at) => `word${number * 1000 + at}`).join(' ')} ${more}`;
  const documents = Array.from({ length: 400 }, (_, at) => ({
    shingles: shingleHashes(text(at % 350, at < 350 ? '' : 'indeed')),
    label: at % 3,
  }));
  const found = find(documents, 0.8);
  expect(found).toEqual(all(documents, 0.8));
  expect(found.length).toBeGreaterThan(20);
});

test('of one label nothing is told, nor of no documents', () => {
  const same = [1, 2, 3].map(() => ({ shingles: Uint32Array.of(1, 2, 3), label: 0 }));
  expect(find(same, 0.8)).toEqual([]);
  expect(find([], 0.8)).toEqual([]);
});
