import type { Head } from './head.ts';
import { bandCount } from './signature.ts';

/** What documents are compared by. They are named by their numbers, from 0. */
export interface Documents {
  count: number;
  /** 18 band keys for each, as `bandsOf` writes them. */
  bands: Uint32Array;
  /** The sorted shingles of a document. */
  shinglesOf: (document: number) => Uint32Array;
  /** A way that is cheaper for going through documents in ascending order; what it gives is good until it is asked again. */
  inOrder?: () => (document: number) => Span;
  /** The same of the first shingles of each for a threshold, for going through all documents; null where these are not at hand for it. */
  headsInOrder?: (threshold: number) => ((document: number) => Head) | null;
}

/** Some numbers of an array. */
export interface Span {
  numbers: Uint32Array;
  from: number;
  to: number;
}

/** The same of documents that are read one by one. */
export function oneByOne(shinglesOf: Documents['shinglesOf']): NonNullable<Documents['inOrder']> {
  return () => (document) => {
    const numbers = shinglesOf(document);
    return { numbers, from: 0, to: numbers.length };
  };
}

/** Hashes that are kept at most: 16 MiB of them. */
const capacity = 1 << 22;

/** The same function, which forgets all that it gave when that becomes too much. */
export function keepShingles(shinglesOf: Documents['shinglesOf'], most = capacity): Documents['shinglesOf'] {
  const kept = new Map<number, Uint32Array>();
  let size = 0;
  return (document) => {
    const known = kept.get(document);
    if (known) return known;
    const shingles = shinglesOf(document);
    if (size + shingles.length > most) {
      kept.clear();
      size = 0;
    }
    size += shingles.length;
    kept.set(document, shingles);
    return shingles;
  };
}

/** Whether two documents have an equal key in a band below `end`. */
export function shareBand(bands: Uint32Array, a: number, b: number, end = bandCount): boolean {
  const atA = a * bandCount;
  const atB = b * bandCount;
  for (let band = 0; band < end; band += 1) if (bands[atA + band] === bands[atB + band]) return true;
  return false;
}
