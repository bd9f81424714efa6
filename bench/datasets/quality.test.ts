import { expect, test } from 'vitest';
import { findClusters } from '../../src/dataset/near/clusters.ts';
import { documentsOf } from '../../src/dataset/near/fixtures/planted.ts';
import { jaccardOf } from '../../src/dataset/near/fixtures/sets.ts';
import { makeCorpus } from './corpus.ts';
import { judge, threshold } from './quality.ts';

const corpus = makeCorpus(3000, 7);
const documents = documentsOf(corpus.texts);

test('equal seeds give equal texts, of about 1 KB, a fifth of them written again', () => {
  expect(makeCorpus(3000, 7)).toEqual(corpus);
  expect(makeCorpus(50, 8).texts).not.toEqual(corpus.texts.slice(0, 50));
  const size = corpus.texts.join('').length / 3000;
  expect(size).toBeGreaterThan(900);
  expect(size).toBeLessThan(1200);
  expect(corpus.planted.length).toBeGreaterThan(500);
  expect(corpus.planted.length).toBeLessThan(700);
  expect(corpus.planted.some(({ jaccard }) => jaccard > 0.6 && jaccard < threshold)).toBe(true);
});

test('what the corpus says of two texts is what our shingles say', () => {
  for (const { a, b, jaccard } of corpus.planted) {
    expect(jaccardOf(documents.shinglesOf(a), documents.shinglesOf(b))).toBe(jaccard);
  }
});

test('our clusters hold nearly all that is alike, and nothing else', () => {
  const { root } = findClusters({ ...documents, threshold });
  const { recall, recall90, wrong } = judge(corpus, [...root]);
  expect(recall).toBeGreaterThan(0.98);
  expect(recall90).toBe(1);
  expect(wrong).toBe(0);
});

test('clusters that join too much or nothing are told', () => {
  const alone = Array.from({ length: 3000 }, (_, index) => index);
  expect(judge(corpus, alone)).toEqual({ recall: 0, recall90: 0, wrong: 0 });
  const { root } = findClusters({ ...documents, threshold });
  const merged = [...root].map((name) => (name === root[1] ? (root[0] ?? 0) : name));
  expect(root[0]).not.toBe(root[1]);
  expect(judge(corpus, merged).wrong).toBe(1);
});
