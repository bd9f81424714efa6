import { type Documents, keepShingles } from './documents.ts';
import { jaccardFrom } from './jaccard.ts';

/** The Jaccard similarity of two documents where it is at least `least`, else −1. */
export type Similarity = (a: number, b: number, least: number) => number;

/** Tells it from their shingles, of which those that were asked for last are kept. */
export function similarityBy(shinglesOf: Documents['shinglesOf']): Similarity {
  const shingles = keepShingles(shinglesOf);
  return (a, b, least) => jaccardFrom(shingles(a), shingles(b), least);
}
