import { type Documents, keepShingles } from './documents.ts';
import { jaccardFrom } from './jaccard.ts';
import { bandCount } from './signature.ts';

interface Choosing extends Omit<Documents, 'count'> {
  /** The documents to choose from, the strongest first. */
  order: ArrayLike<number>;
  /** The cluster of each document, as `findClusters` names it. */
  root: Int32Array;
  threshold: number;
  /** Pairs that never stand for each other, however similar: turns of one conversation. */
  apart?: (a: number, b: number) => boolean;
}

/**
 * Says for each document which stronger one stands for it, or -1 where it stays or was not in `order`. A document goes when
 * it shares a band key with a stronger one that stays, and their similarity is at least `threshold`; of several the
 * strongest stands for it. So whatever goes is as similar as said to what stays, not to some chain of neighbours.
 */
export function chooseSurvivors({ order, root, bands, shinglesOf, threshold, apart }: Choosing): Int32Array {
  const keeper = new Int32Array(root.length).fill(-1);
  const shingles = keepShingles(shinglesOf);
  const near = (a: number, b: number) =>
    !apart?.(a, b) && jaccardFrom(shingles(a), shingles(b), threshold) >= threshold;
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

/** Those of a cluster that stay, found by their band keys. */
function createKept(bands: Uint32Array) {
  const documents: number[] = [];
  const ranks = new Map<number, number[]>();
  const keyOf = (document: number, band: number) => band * 2 ** 32 + (bands[document * bandCount + band] as number);
  return {
    add(document: number): void {
      for (let band = 0; band < bandCount; band += 1) {
        const key = keyOf(document, band);
        const there = ranks.get(key);
        if (there) there.push(documents.length);
        else ranks.set(key, [documents.length]);
      }
      documents.push(document);
    },
    /** The strongest first. */
    sharing(document: number): number[] {
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
