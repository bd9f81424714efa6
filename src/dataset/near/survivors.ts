import type { Comparing } from './clusters.ts';
import { shareBand } from './documents.ts';
import { bandCount } from './signature.ts';
import { similarityBy } from './similarity.ts';

interface Choosing extends Omit<Comparing, 'count'> {
  count: number;
  /** The documents to choose from, by clusters: the strongest of each first. One is looked at before the next is asked for. */
  clusters: Iterable<readonly number[]>;
  /** Whether a document's cluster is two documents that are near and share a band, so that this need not be asked again. */
  isOfOnePair?: (document: number) => boolean;
  /** Pairs that never stand for each other, however similar: turns of one conversation. */
  apart?: (a: number, b: number) => boolean;
}

/**
 * Says for each document which stronger one stands for it, or -1 where it stays or was in no cluster. A document goes when
 * it shares a band key with a stronger one that stays, and their similarity is at least `threshold`; of several the
 * strongest stands for it. So whatever goes is as similar as said to what stays, not to some chain of neighbours.
 */
export function chooseSurvivors(options: Choosing): Int32Array {
  const { count, clusters, isOfOnePair, bands, threshold, apart } = options;
  const { similarity = similarityBy(options.shinglesOf) } = options;
  const keeper = new Int32Array(count).fill(-1);
  const near = (a: number, b: number) => !apart?.(a, b) && similarity(a, b, threshold) >= threshold;
  const kept = createKept(bands);
  for (const cluster of clusters) {
    const [strongest = -1, other = -1] = cluster;
    if (cluster.length === 2 && isOfOnePair?.(other)) {
      if (!apart?.(other, strongest)) keeper[other] = strongest;
      continue;
    }
    kept.clear();
    for (const document of cluster) {
      const stronger = kept.find(document, near);
      if (stronger < 0) kept.add(document);
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
    clear(): void {
      documents.length = 0;
      if (ranks.size > 0) ranks.clear();
    },
    add(document: number): void {
      documents.push(document);
      if (documents.length > few + 1) note(document, documents.length - 1);
      else if (documents.length > few) for (const [rank, one] of documents.entries()) note(one, rank);
    },
    /** The strongest that shares a band with a document and is near it; −1 where there is none. */
    find(document: number, near: (a: number, b: number) => boolean): number {
      if (documents.length <= few) {
        for (const other of documents) if (shareBand(bands, document, other) && near(document, other)) return other;
        return -1;
      }
      const found = new Set<number>();
      for (let band = 0; band < bandCount; band += 1) {
        for (const rank of ranks.get(keyOf(document, band)) ?? []) found.add(rank);
      }
      const strongestFirst = [...found].sort((a, b) => a - b).map((rank) => documents[rank] as number);
      return strongestFirst.find((other) => near(document, other)) ?? -1;
    },
  };
}
