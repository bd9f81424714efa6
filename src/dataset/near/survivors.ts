import type { Comparing } from './clusters.ts';
import { shareBand } from './documents.ts';
import { bandCount } from './signature.ts';
import { similarityBy } from './similarity.ts';

interface Choosing extends Omit<Comparing, 'count'> {
  /** The documents to choose from, the strongest of each cluster first. */
  order: ArrayLike<number>;
  /** The cluster of each document, as `findClusters` names it. */
  root: Int32Array;
  /** Pairs that never stand for each other, however similar: turns of one conversation. */
  apart?: (a: number, b: number) => boolean;
}

/**
 * Says for each document which stronger one stands for it, or -1 where it stays or was not in `order`. A document goes when
 * it shares a band key with a stronger one that stays, and their similarity is at least `threshold`; of several the
 * strongest stands for it. So whatever goes is as similar as said to what stays, not to some chain of neighbours.
 */
export function chooseSurvivors(options: Choosing): Int32Array {
  const { order, root, bands, shinglesOf, threshold, apart, similarity = similarityBy(shinglesOf) } = options;
  const keeper = new Int32Array(root.length).fill(-1);
  const near = (a: number, b: number) => !apart?.(a, b) && similarity(a, b, threshold) >= threshold;
  for (const cluster of clustersOf(order, root)) {
    const kept = createKept(bands);
    for (const document of cluster) {
      const stronger = kept.sharing(document).find((other) => near(document, other));
      if (stronger === undefined) kept.add(document);
      else keeper[document] = stronger;
    }
  }
  return keeper;
}

/** Up to so many are looked at one after the other. */
const few = 16;

/** Those of a cluster that stay, found by their band keys. */
function createKept(bands: Uint32Array) {
  const documents: number[] = [];
  /** Places in `documents`, where these are more than a few. */
  const ranks = new Map<number, number[]>();
  const keyOf = (document: number, band: number) => band * 2 ** 32 + (bands[document * bandCount + band] as number);

  function note(document: number, rank: number): void {
    for (let band = 0; band < bandCount; band += 1) {
      const key = keyOf(document, band);
      const there = ranks.get(key);
      if (there) there.push(rank);
      else ranks.set(key, [rank]);
    }
  }

  return {
    add(document: number): void {
      documents.push(document);
      if (documents.length > few + 1) note(document, documents.length - 1);
      else if (documents.length > few) for (const [rank, one] of documents.entries()) note(one, rank);
    },
    /** The strongest first. */
    sharing(document: number): number[] {
      if (documents.length <= few) return documents.filter((other) => shareBand(bands, document, other));
      const found = new Set<number>();
      for (let band = 0; band < bandCount; band += 1) {
        for (const rank of ranks.get(keyOf(document, band)) ?? []) found.add(rank);
      }
      return [...found].sort((a, b) => a - b).map((rank) => documents[rank] as number);
    },
  };
}

/** The clusters of two or more that are in `order`, each in that order. */
function clustersOf(order: ArrayLike<number>, root: Int32Array): Iterable<number[]> {
  const sizes = new Int32Array(root.length);
  const rootAt = (at: number) => root[order[at] as number] as number;
  for (let at = 0; at < order.length; at += 1) (sizes[rootAt(at)] as number)++;
  const clusters = new Map<number, number[]>();
  for (let at = 0; at < order.length; at += 1) {
    const name = rootAt(at);
    if ((sizes[name] as number) < 2) continue;
    const cluster = clusters.get(name);
    if (cluster) cluster.push(order[at] as number);
    else clusters.set(name, [order[at] as number]);
  }
  return clusters.values();
}
