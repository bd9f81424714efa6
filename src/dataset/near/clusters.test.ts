import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { numbersFrom } from '../fixtures/entries.ts';
import { type Clusters, findClusters } from './clusters.ts';
import { documentsOf, plantPair } from './fixtures/planted.ts';
import { candidatesOf, documentsAtRandom, jaccardOf, orders, reorder } from './fixtures/sets.ts';
import { pairLargeGroup } from './large-group.ts';
import { bandCount, bandsOf } from './signature.ts';
import { similarityBy } from './similarity.ts';

const thresholds = fc.constantFrom(0.3, 0.5, 0.7, 0.8, 0.9, 1);

/** The components by the plainest means there are: names are spread until nothing changes. */
function rootsByHand(count: number, pairs: readonly { a: number; b: number }[]): number[] {
  const root = Array.from({ length: count }, (_, index) => index);
  for (let changed = true; changed; ) {
    changed = false;
    for (const { a, b } of pairs) {
      const least = Math.min(root[a] ?? 0, root[b] ?? 0);
      if (root[a] !== least || root[b] !== least) changed = true;
      root[a] = least;
      root[b] = least;
    }
  }
  return root;
}

/** Clusters as sets of the documents' first numbers, in a fixed order. */
function setsOf({ root }: Clusters, order: readonly number[]): string[] {
  const sets = new Map<number, number[]>();
  for (const [to, name] of root.entries()) sets.set(name, [...(sets.get(name) ?? []), order[to] ?? -1]);
  return [...sets.values()].map((members) => members.sort((a, b) => a - b).join()).sort();
}

describe('clusters', () => {
  test('are the components of all candidate pairs that are similar enough, and edges are such pairs', () => {
    fc.assert(
      fc.property(documentsAtRandom, thresholds, (documents, threshold) => {
        const { root, edges } = findClusters({ ...documents, threshold });
        const near = candidatesOf(documents).filter(({ jaccard }) => jaccard >= threshold);
        expect([...root]).toEqual(rootsByHand(documents.count, near));
        const named = new Set(near.map((pair) => JSON.stringify(pair)));
        expect(edges.filter((pair) => !named.has(JSON.stringify(pair)))).toEqual([]);
        expect(edges).toHaveLength(documents.count - new Set(root).size);
      }),
      { numRuns: 80 },
    );
  });

  test('do not depend on the order of documents', () => {
    const shuffled = documentsAtRandom.chain((documents) =>
      fc.record({ documents: fc.constant(documents), order: orders(documents.count) }),
    );
    fc.assert(
      fc.property(shuffled, thresholds, ({ documents, order }, threshold) => {
        const before = findClusters({ ...documents, threshold });
        const after = findClusters({ ...reorder(documents, order), threshold });
        expect(setsOf(after, order)).toEqual(setsOf(before, [...order.keys()]));
      }),
      { numRuns: 60 },
    );
  });
});

// Shared shingles and lonely ones, of texts of 8 to 420 words.
const sizes = [
  { jaccard: 0.8, shared: [4, 16, 48, 160, 400], recall: 0.97 },
  { jaccard: 0.9, shared: [9, 27, 63, 162, 405], recall: 0.999 },
];

test.each(sizes)('of 4,000 pairs of J = $jaccard the share of $recall is joined, and nothing else', (planned) => {
  const pairs = Array.from({ length: 4000 }, (_, number) => {
    const shared = planned.shared[number % planned.shared.length] ?? 0;
    return plantPair(number, shared, Math.round(shared / planned.jaccard) - shared);
  });
  const documents = documentsOf(pairs.flatMap(({ texts }) => texts));
  const { edges, root } = findClusters({ ...documents, threshold: planned.jaccard });
  expect(edges.every(({ a, b, jaccard }) => a % 2 === 0 && b === a + 1 && jaccard === planned.jaccard)).toBe(true);
  expect(edges.length / pairs.length).toBeGreaterThanOrEqual(planned.recall);
  expect(new Set(root).size).toBe(documents.count - edges.length);
});

test('of 4,000 pairs a little below the threshold none is joined', () => {
  // J = 79 / 99 is .798.
  const pairs = Array.from({ length: 4000 }, (_, number) => plantPair(number, 79, 20, number % 21));
  const documents = documentsOf(pairs.flatMap(({ texts }) => texts));
  expect(findClusters({ ...documents, threshold: 0.8 }).edges).toEqual([]);
  expect(findClusters({ ...documents, threshold: 79 / 99 }).edges.length).toBeGreaterThan(3800);
});

/** Texts that begin alike and go on, each on its own, for `own` words. */
function fromTemplate(count: number, common: number, own: number): string[] {
  const words = (name: string, length: number) => Array.from({ length }, (_, index) => `${name}q${index}`);
  const start = words('template', common).join(' ');
  return Array.from({ length: count }, (_, number) => `${start} ${words(`own${number}`, own).join(' ')}`);
}

test('1,000 texts of one template that are not similar enough are told apart without comparing each with each', () => {
  // 100 shingles are the template's, 20 a text's own: J = 100 / 140.
  const { bands, shinglesOf } = documentsOf(fromTemplate(1000, 104, 20));
  expect(jaccardOf(shinglesOf(0), shinglesOf(1))).toBe(100 / 140);
  const similarity = similarityBy(shinglesOf);
  const pairing = {
    bands,
    shinglesOf,
    similarity,
    partOf: (document: number) => document,
    least: () => 0.8,
    found: () => {},
  };
  const compared = (least: number) => {
    let count = 0;
    pairLargeGroup(
      Uint32Array.from({ length: 1000 }, (_, index) => index),
      { ...pairing, least: () => least },
      () => count++,
    );
    return count;
  };
  expect(compared(0.8)).toBe(0);
  expect(compared(0.7)).toBe((1000 * 999) / 2);
});

test('10,000 texts of one template that are similar enough are one cluster', () => {
  // 20 of 220 are a text's own: J = 200 / 240.
  const documents = documentsOf(fromTemplate(10_000, 204, 20));
  const { root, edges } = findClusters({ ...documents, threshold: 0.8 });
  expect(edges).toHaveLength(9999);
  expect(new Set(root)).toEqual(new Set([0]));
});

test('those that are in a cluster or a crowd have the same clusters and edges by themselves, and without the crowd not', () => {
  const random = numbersFrom(5);
  const number = (): number => Math.floor(random() * 2 ** 32);
  const letter = Array.from({ length: 200 }, number);
  const differs = [0.9, 0.93, 0.95].map((threshold) => {
    const sets = Array.from({ length: 400 }, () => {
      const own = Math.floor(random() * 30);
      return Uint32Array.from([...letter.slice(own), ...Array.from({ length: own }, number)]).sort();
    });
    const bands = new Uint32Array(sets.length * bandCount);
    for (const [at, shingles] of sets.entries()) bandsOf(shingles, bands, at * bandCount);
    const shinglesOf = (at: number): Uint32Array => sets[at] ?? new Uint32Array();
    const documents = { count: sets.length, bands, shinglesOf, threshold };
    const { root, edges, crowded } = findClusters(documents);
    const clustered = root.map((first, at) => (root.some((other, place) => other === first && place !== at) ? 1 : 0));
    const among = (isIn: (at: number) => boolean) =>
      findClusters({ ...documents, among: Uint32Array.from(sets.keys()).filter(isIn) });
    const found = among((at) => clustered[at] === 1 || crowded[at] === 1);
    expect([found.root, found.edges]).toEqual([root, edges]);
    const fewer = among((at) => clustered[at] === 1);
    expect(fewer.root).toEqual(root);
    return JSON.stringify(fewer.edges) !== JSON.stringify(edges);
  });
  expect(differs).toContain(true);
});
