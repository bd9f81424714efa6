import type { NearPair } from './clusters.ts';
import { type Documents, oneByOne } from './documents.ts';
import { type Head, headsOf } from './head.ts';
import { jaccardFrom } from './jaccard.ts';
import { createPrefixIndex } from './prefix-index.ts';

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
  const reading = readingOf(documents, threshold);
  const indexed: number[] = [];
  for (let document = 0; document < count; document += 1) if (fresh[document] !== 0) indexed.push(document);
  if (indexed.length > mostAtOnce) return null;
  const index = createPrefixIndex(indexed, { threshold, ...reading });
  const found: NearPair[] = [];
  const isWhole = lookUpAll({
    ...reading,
    count,
    threshold,
    isWorth,
    found,
    isIndexed: (document) => fresh[document] !== 0,
    candidatesOf: (document, head) => (index.looked() > most ? null : index.candidates(document, head)),
  });
  return isWhole ? found : null;
}

/** Finds the pairs of all documents with some of those that are indexed. */
function lookUpSome(
  some: readonly number[],
  isIndexed: (document: number) => boolean,
  { count, labels, threshold, ...documents }: Labelled,
  found: NearPair[],
): void {
  const reading = readingOf(documents, threshold);
  const indexOf = (indexed: readonly number[]) => createPrefixIndex(indexed, { threshold, ...reading });
  const index = indexOf(some);
  // The many, of label 0, meet those of other labels only: of a few fresh ones these are fewer still.
  const others = some.filter((document) => labels[document] !== 0);
  const indexForMany = others.length === some.length ? index : indexOf(others);
  lookUpAll({
    ...reading,
    count,
    threshold,
    isIndexed,
    found,
    isWorth: (a, b) => labels[a] !== labels[b],
    candidatesOf: (document, head) => (labels[document] === 0 ? indexForMany : index).candidates(document, head),
  });
}

interface Reading extends Pick<Required<Documents>, 'shinglesOf' | 'inOrder'> {
  /** A reader of heads, for going through all documents. */
  heads(): (document: number) => Head;
}

function readingOf(
  {
    shinglesOf,
    inOrder = oneByOne(shinglesOf),
    headsInOrder,
  }: Pick<Documents, 'shinglesOf' | 'inOrder' | 'headsInOrder'>,
  threshold: number,
): Reading {
  return { shinglesOf, inOrder, heads: () => headsInOrder?.(threshold) ?? headsOf(inOrder, threshold) };
}

interface LookingUp extends Reading {
  count: number;
  threshold: number;
  isIndexed(document: number): boolean;
  isWorth(a: number, b: number): boolean;
  /** Who may be alike with a document; null where it is given up. */
  candidatesOf(document: number, head: Head): readonly number[] | null;
  found: NearPair[];
}

/** Looks every document up; false where that was given up. */
function lookUpAll(looking: LookingUp): boolean {
  const { count, shinglesOf, heads, threshold, isIndexed, isWorth, candidatesOf, found } = looking;
  const headOf = heads();
  for (let document = 0; document < count; document += 1) {
    const candidates = candidatesOf(document, headOf(document));
    if (candidates === null) return false;
    /** Read where they are asked for: most have no candidate but those that are known. */
    let shingles: Uint32Array | null = null;
    for (const other of candidates) {
      // Of two that are indexed both look: the later one tells.
      const twice = isIndexed(document) && other >= document;
      if (twice || !isWorth(document, other)) continue;
      shingles ??= shinglesOf(document);
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
