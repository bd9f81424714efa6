import type { NearPair } from './clusters.ts';
import { jaccardFrom } from './jaccard.ts';

interface Labelled {
  count: number;
  shinglesOf: (document: number) => Uint32Array;
  /** A number for each document; those of label 0 are the many, which are not compared with each other. */
  labels: ArrayLike<number>;
  threshold: number;
}

/** Buckets of the index and of the counts: a power of two, some for each document, and not without end. */
function bucketsFor(documents: number): number {
  return 2 ** Math.min(22, Math.ceil(Math.log2(64 * (documents + 1))));
}

/**
 * Every pair of documents with different labels whose similarity is at least `threshold`: none is missed, other than with
 * bands. By prefix filtering (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007): with the shingles of every
 * document in one order, rare ones first, two sets with J ≥ t share one of the first n − ⌈t·n⌉ + 1 of each. The documents of other
 * labels than 0 are indexed by these, and the many are looked up.
 */
export function pairsAcross({ count, shinglesOf, labels, threshold }: Labelled): NearPair[] {
  const few: number[] = [];
  for (let document = 0; document < count; document += 1) if (labels[document] !== 0) few.push(document);
  const rarity = countShingles(few, shinglesOf);
  const prefixOf = (document: number): Uint32Array => prefix(shinglesOf(document), rarity, threshold);
  const index = createIndex(few, prefixOf);
  const found: NearPair[] = [];
  const met = new Set<number>();

  function look(document: number): void {
    met.clear();
    const shingles = shinglesOf(document);
    for (const shingle of prefix(shingles, rarity, threshold)) {
      index.each(shingle, (other) => {
        if (labels[other] === labels[document] || met.has(other)) return;
        // Of two that are indexed both look: the later one tells.
        if (labels[document] !== 0 && other >= document) return;
        met.add(other);
        const jaccard = jaccardFrom(shingles, shinglesOf(other), threshold);
        if (jaccard >= threshold) found.push({ a: Math.min(document, other), b: Math.max(document, other), jaccard });
      });
    }
  }

  if (few.length > 0) for (let document = 0; document < count; document += 1) look(document);
  return found.sort((one, other) => one.a - other.a || one.b - other.b);
}

/** In how many of the documents a shingle is, or another of its bucket; 65,535 at the most. */
function countShingles(documents: readonly number[], shinglesOf: Labelled['shinglesOf']): Uint16Array {
  const buckets = bucketsFor(documents.length);
  const counts = new Uint16Array(buckets);
  for (const document of documents) {
    for (const shingle of shinglesOf(document)) {
      const bucket = shingle & (buckets - 1);
      if ((counts[bucket] as number) < 0xffff) (counts[bucket] as number) += 1;
    }
  }
  return counts;
}

/** The first shingles of a set in the order of rarity, then of themselves; as many as have to be looked at. */
function prefix(shingles: Uint32Array, rarity: Uint16Array, threshold: number): Uint32Array {
  const length = shingles.length - Math.ceil(threshold * shingles.length - 1e-9) + 1;
  const ranked = new Float64Array(shingles.length);
  for (let at = 0; at < shingles.length; at += 1) {
    const shingle = shingles[at] as number;
    ranked[at] = (rarity[shingle & (rarity.length - 1)] as number) * 2 ** 32 + shingle;
  }
  return Uint32Array.from(ranked.sort().subarray(0, length), (rank) => rank % 2 ** 32);
}

/** Documents by the shingles of their prefixes, in two arrays sorted by bucket. */
function createIndex(documents: readonly number[], prefixOf: (document: number) => Uint32Array) {
  const buckets = bucketsFor(documents.length);
  const starts = new Uint32Array(buckets + 1);
  for (const document of documents) {
    for (const shingle of prefixOf(document)) (starts[(shingle & (buckets - 1)) + 1] as number) += 1;
  }
  for (let bucket = 0; bucket < buckets; bucket += 1) (starts[bucket + 1] as number) += starts[bucket] as number;
  const size = starts[buckets] as number;
  const members = new Uint32Array(size);
  const names = new Uint32Array(size);
  const next = starts.slice(0, buckets);
  for (const document of documents) {
    for (const shingle of prefixOf(document)) {
      const bucket = shingle & (buckets - 1);
      const at = next[bucket] as number;
      next[bucket] = at + 1;
      members[at] = document;
      names[at] = shingle;
    }
  }
  return {
    each(shingle: number, visit: (document: number) => void): void {
      const bucket = shingle & (buckets - 1);
      const end = starts[bucket + 1] as number;
      for (let at = starts[bucket] as number; at < end; at += 1) {
        if (names[at] === shingle) visit(members[at] as number);
      }
    },
  };
}
