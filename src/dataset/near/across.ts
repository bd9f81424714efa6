import type { NearPair } from './clusters.ts';
import { jaccardFrom } from './jaccard.ts';
import { type Rarity, createRarity } from './rarity.ts';

interface Labelled {
  count: number;
  shinglesOf: (document: number) => Uint32Array;
  /** A number for each document; those of label 0 are the many, which are not compared with each other. */
  labels: ArrayLike<number>;
  threshold: number;
}

/**
 * Every pair of documents with different labels whose similarity is at least `threshold`: none is missed, other than with
 * bands. By prefix filtering (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007): with the shingles of every
 * document in one order, rare ones first, two sets with J ≥ t share one of the first n − ⌈t·n⌉ + 1 of each. The documents of other
 * labels than 0 are indexed by these, and the many are looked up. What is rare is told by the few, so that most of the many have
 * enough shingles that none of the few has.
 */
export function pairsAcross({ count, shinglesOf, labels, threshold }: Labelled): NearPair[] {
  const few: number[] = [];
  for (let document = 0; document < count; document += 1) if (labels[document] !== 0) few.push(document);
  if (few.length === 0) return [];
  const index = createIndex(few, { count, shinglesOf, threshold });
  const found: NearPair[] = [];
  for (let document = 0; document < count; document += 1) {
    const shingles = shinglesOf(document);
    for (const other of index.candidates(shingles)) {
      // Of two that are indexed both look: the later one tells.
      const twice = labels[document] !== 0 && other >= document;
      if (twice || labels[other] === labels[document]) continue;
      const jaccard = jaccardFrom(shingles, shinglesOf(other), threshold);
      if (jaccard >= threshold) found.push({ a: Math.min(document, other), b: Math.max(document, other), jaccard });
    }
  }
  return found.sort((one, other) => one.a - other.a || one.b - other.b);
}

/** How many shingles of a set have to be looked at. */
function prefixLength(size: number, threshold: number): number {
  return size - Math.ceil(threshold * size - 1e-9) + 1;
}

/** The few by the shingles of their prefixes, in arrays sorted by bucket. */
function createIndex(few: readonly number[], { count, shinglesOf, threshold }: Omit<Labelled, 'labels'>) {
  const sizes = new Uint32Array(count);
  const rarity = rarityOf(few, shinglesOf, sizes);
  const prefixOf = (document: number): Uint32Array => {
    const shingles = shinglesOf(document);
    return rarity.first(shingles, prefixLength(shingles.length, threshold));
  };
  const total = few.reduce((sum, document) => sum + prefixLength(sizes[document] as number, threshold), 0);
  const bits = Math.max(1, Math.min(22, Math.ceil(Math.log2(total + 1))));
  const bucketOf = (shingle: number): number => Math.imul(shingle, 0x9e3779b1) >>> (32 - bits);
  const ends = new Uint32Array(2 ** bits + 1);
  for (const document of few) for (const shingle of prefixOf(document)) (ends[bucketOf(shingle)] as number) += 1;
  for (let bucket = 1; bucket < ends.length; bucket += 1) (ends[bucket] as number) += ends[bucket - 1] as number;
  const members = new Uint32Array(total);
  const names = new Uint32Array(total);
  // Filled from the end of each bucket, after which its end has become its start.
  for (const document of few) {
    for (const shingle of prefixOf(document)) {
      const bucket = bucketOf(shingle);
      const at = (ends[bucket] as number) - 1;
      ends[bucket] = at;
      members[at] = document;
      names[at] = shingle;
    }
  }
  const starts = ends;

  /** Those that share a shingle of the prefixes, and are neither too small nor too large; each once. */
  function candidates(shingles: Uint32Array): Set<number> {
    const found = new Set<number>();
    for (const shingle of rarity.first(shingles, prefixLength(shingles.length, threshold))) {
      if (!rarity.knows(shingle)) continue;
      const bucket = bucketOf(shingle);
      for (let at = starts[bucket] as number; at < (starts[bucket + 1] as number); at += 1) {
        const other = members[at] as number;
        const size = sizes[other] as number;
        const fits = size >= threshold * shingles.length && shingles.length >= threshold * size;
        if (fits && names[at] === shingle) found.add(other);
      }
    }
    return found;
  }
  return { candidates };
}

function rarityOf(few: readonly number[], shinglesOf: Labelled['shinglesOf'], sizes: Uint32Array): Rarity {
  let total = 0;
  for (const document of few) {
    const { length } = shinglesOf(document);
    sizes[document] = length;
    total += length;
  }
  const rarity = createRarity(total);
  for (const document of few) rarity.note(shinglesOf(document));
  return rarity;
}
