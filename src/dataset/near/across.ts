import type { NearPair } from './clusters.ts';
import { type Documents, type Span, oneByOne } from './documents.ts';
import { jaccardFrom } from './jaccard.ts';
import { createPrefixOrder } from './prefix-order.ts';

interface Labelled extends Omit<Documents, 'bands'> {
  /** A number for each document; those of label 0 are the many, which are not compared with each other. */
  labels: ArrayLike<number>;
  threshold: number;
  /** Not 0 for documents to look at: a pair of two others is known not to be similar enough. All where it is not given. */
  fresh?: ArrayLike<number>;
  /** How many documents are indexed at once: more take more memory, and fewer more time. */
  atOnce?: number;
}

/** Of 1 KB each they take some 80 MB. */
const mostAtOnce = 100_000;

/**
 * Every pair of documents with different labels whose similarity is at least `threshold`: none is missed, other than with
 * bands. By prefix filtering (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007): with the shingles of every
 * document in one order, common ones last, two sets with J ≥ t share one of the first n − ⌈t·n⌉ + 1 of each. The documents of other
 * labels than 0, or the fresh ones where they are fewer, are indexed by these, and all are looked up. What is common is told by those
 * that are indexed.
 */
export function pairsAcross(options: Labelled): NearPair[] {
  const { count, atOnce = mostAtOnce } = options;
  const isIndexed = whatToIndex(options);
  const indexed: number[] = [];
  for (let document = 0; document < count; document += 1) if (isIndexed(document)) indexed.push(document);
  const found: NearPair[] = [];
  for (let from = 0; from < indexed.length; from += atOnce) {
    lookUpSome(indexed.slice(from, from + atOnce), isIndexed, options, found);
  }
  return found.sort(byPlaces);
}

/** The order of pairs. */
export function byPlaces(one: NearPair, other: NearPair): number {
  return one.a - other.a || one.b - other.b;
}

interface OfFresh extends Omit<Documents, 'bands'> {
  threshold: number;
  /** Not 0 for the documents that are looked at. */
  fresh: ArrayLike<number>;
  /** Whether two are to be told of, however similar. */
  isWorth(a: number, b: number): boolean;
  /** How often a shared shingle is looked at before it is given up, since many have much in common. */
  most: number;
}

/**
 * Every pair of a fresh document and any other whose similarity is at least `threshold`, whatever their labels, so that it need not be
 * looked for again when these change; null where that would be too much. The fresh ones are indexed.
 */
export function pairsOfFresh({ count, fresh, threshold, isWorth, most, ...documents }: OfFresh): NearPair[] | null {
  const { shinglesOf, inOrder = oneByOne(shinglesOf) } = documents;
  const indexed: number[] = [];
  for (let document = 0; document < count; document += 1) if (fresh[document] !== 0) indexed.push(document);
  if (indexed.length > mostAtOnce) return null;
  const index = createIndex(indexed, { count, inOrder, threshold });
  const found: NearPair[] = [];
  const isWhole = lookUpAll({
    count,
    shinglesOf,
    inOrder,
    threshold,
    isWorth,
    found,
    isIndexed: (document) => fresh[document] !== 0,
    candidatesOf: (_, span) => (index.looked() > most ? null : index.candidates(span)),
  });
  return isWhole ? found : null;
}

/** Finds the pairs of all documents with some of those that are indexed. */
function lookUpSome(
  some: readonly number[],
  isIndexed: (document: number) => boolean,
  { count, shinglesOf, inOrder = oneByOne(shinglesOf), labels, threshold }: Labelled,
  found: NearPair[],
): void {
  const indexOf = (documents: readonly number[]) => createIndex(documents, { count, inOrder, threshold });
  const index = indexOf(some);
  // The many, of label 0, meet those of other labels only: of a few fresh ones these are fewer still.
  const others = some.filter((document) => labels[document] !== 0);
  const indexForMany = others.length === some.length ? index : indexOf(others);
  lookUpAll({
    count,
    shinglesOf,
    inOrder,
    threshold,
    isIndexed,
    found,
    isWorth: (a, b) => labels[a] !== labels[b],
    candidatesOf: (document, span) => (labels[document] === 0 ? indexForMany : index).candidates(span),
  });
}

interface LookingUp extends Required<Omit<Documents, 'bands'>> {
  threshold: number;
  isIndexed(document: number): boolean;
  isWorth(a: number, b: number): boolean;
  /** Who may be alike with a document; null where it is given up. */
  candidatesOf(document: number, shingles: Span): ReadonlySet<number> | null;
  found: NearPair[];
}

/** Looks every document up; false where that was given up. */
function lookUpAll(looking: LookingUp): boolean {
  const { count, shinglesOf, inOrder, threshold, isIndexed, isWorth, candidatesOf, found } = looking;
  const read = inOrder();
  for (let document = 0; document < count; document += 1) {
    const span = read(document);
    const candidates = candidatesOf(document, span);
    if (candidates === null) return false;
    if (candidates.size === 0) continue;
    const shingles = span.numbers.subarray(span.from, span.to);
    for (const other of candidates) {
      // Of two that are indexed both look: the later one tells.
      const twice = isIndexed(document) && other >= document;
      if (twice || !isWorth(document, other)) continue;
      const jaccard = jaccardFrom(shingles, shinglesOf(other), threshold);
      if (jaccard >= threshold) found.push({ a: Math.min(document, other), b: Math.max(document, other), jaccard });
    }
  }
  return true;
}

/** Every pair that is looked for has one of these. */
function whatToIndex({ fresh, ...labelled }: Labelled): (document: number) => boolean {
  if (fresh && areFewer(fresh, labelled)) return (document) => fresh[document] !== 0;
  return (document) => labelled.labels[document] !== 0;
}

/** Whether there are fewer fresh documents than such of other labels than 0. */
export function areFewer(fresh: ArrayLike<number>, { count, labels }: Pick<Labelled, 'count' | 'labels'>): boolean {
  let [others, toLookAt] = [0, 0];
  for (let document = 0; document < count; document += 1) {
    if (labels[document] !== 0) others += 1;
    if (fresh[document] !== 0) toLookAt += 1;
  }
  return toLookAt < others;
}

/** How many shingles of a set have to be looked at. */
function prefixLength(size: number, threshold: number): number {
  return size - Math.ceil(threshold * size - 1e-9) + 1;
}

type Indexing = Pick<Labelled, 'count' | 'threshold'> & Required<Pick<Labelled, 'inOrder'>>;

const none: ReadonlySet<number> = new Set();

/** Documents by the shingles of their prefixes, in arrays sorted by bucket. */
function createIndex(documents: readonly number[], { count, inOrder, threshold }: Indexing) {
  const sizes = new Uint32Array(count);
  const expected = measure(documents, { inOrder, threshold }, sizes);
  const order = createPrefixOrder({
    expected,
    noteAll(note) {
      const read = inOrder();
      for (const document of documents) note(read(document));
    },
  });
  const total = expected.wanted;
  const bits = Math.max(1, Math.min(22, Math.ceil(Math.log2(total + 1))));
  const bucketOf = (shingle: number): number => Math.imul(shingle, 0x9e3779b1) >>> (32 - bits);
  const forEachEntry = (visit: (shingle: number, document: number) => void): void => {
    const read = inOrder();
    for (const document of documents) {
      const span = read(document);
      for (const shingle of order.first(span, prefixLength(span.to - span.from, threshold))) visit(shingle, document);
    }
  };
  const ends = new Uint32Array(2 ** bits + 1);
  forEachEntry((shingle) => {
    order.want(shingle);
    (ends[bucketOf(shingle)] as number)++;
  });
  for (let bucket = 1; bucket < ends.length; bucket += 1) (ends[bucket] as number) += ends[bucket - 1] as number;
  const members = new Uint32Array(total);
  const names = new Uint32Array(total);
  // Filled from the end of each bucket, after which its end has become its start.
  forEachEntry((shingle, document) => {
    const bucket = bucketOf(shingle);
    const at = (ends[bucket] as number) - 1;
    ends[bucket] = at;
    members[at] = document;
    names[at] = shingle;
  });
  const starts = ends;
  let looked = 0;

  /** Those that share a shingle of the prefixes, and are neither too small nor too large; each once. */
  function candidates(shingles: Span): ReadonlySet<number> {
    const length = shingles.to - shingles.from;
    let found: Set<number> | null = null;
    order.eachWanted(shingles, prefixLength(length, threshold), (shingle) => {
      const bucket = bucketOf(shingle);
      const end = starts[bucket + 1] as number;
      looked += end - (starts[bucket] as number);
      for (let at = starts[bucket] as number; at < end; at += 1) {
        if (names[at] !== shingle) continue;
        const other = members[at] as number;
        const size = sizes[other] as number;
        if (size >= threshold * length && length >= threshold * size) (found ??= new Set()).add(other);
      }
    });
    return found ?? none;
  }
  return { candidates, looked: () => looked };
}

/** Notes how many shingles documents have; of all together, and of their prefixes. */
function measure(
  documents: readonly number[],
  { inOrder, threshold }: Omit<Indexing, 'count'>,
  sizes: Uint32Array,
): { noted: number; wanted: number } {
  const read = inOrder();
  let [noted, wanted] = [0, 0];
  for (const document of documents) {
    const { from, to } = read(document);
    sizes[document] = to - from;
    noted += to - from;
    wanted += prefixLength(to - from, threshold);
  }
  return { noted, wanted };
}
