import type { Findings } from './findings.ts';
import type { NearPair } from './near/clusters.ts';
import { type Pairs, createPairs } from './near/pairs.ts';

/** The label of nothing. */
export const unseen = 255;
/** What is added to labels as they are kept. */
const splitMask = 3;
export const inVersion = 4;
export const inCrowd = 8;
export const saidUnit = 16;

/** What the last build found of documents that are here again. */
export interface Before {
  /** In which split each document was when all pairs across splits had been looked at; 255 of those that were not there. */
  labels: Uint8Array;
  /** Which split each document's node said itself; 255 where it is to be asked. */
  said: Uint8Array;
  /** Not 0 where the document's row was in the version. */
  placed: Uint8Array;
  /** Not 0 for those that were in a large group. */
  crowded: Uint8Array;
  /** Pairs that held clusters together, of those that are here. */
  edges: Pairs;
  /** Not 0 for those that one which is not here was such a pair with. */
  torn: Uint8Array;
  /** The closest two across splits of those that were; undefined where one of them is not here. */
  closest: NearPair | null | undefined;
}

/** From places of rows to documents. `shares` name what nodes say of their splits by now. */
export function translate(
  findings: Findings,
  { count, shares, formerPlaceOf }: { count: number; shares: string; formerPlaceOf: (document: number) => number },
): Before {
  const [labels, said] = [new Uint8Array(count).fill(unseen), new Uint8Array(count).fill(unseen)];
  const [placed, crowded] = [new Uint8Array(count), new Uint8Array(count)];
  const saysTheSame = findings.shares === shares;
  const formerCount = findings.labels.length;
  const documentAt = new Int32Array(formerCount).fill(-1);
  for (let document = 0; document < count; document += 1) {
    const place = formerPlaceOf(document);
    const label = place < 0 ? unseen : (findings.labels[place] as number);
    if (label === unseen) continue;
    documentAt[place] = document;
    labels[document] = label & splitMask;
    placed[document] = label & inVersion;
    crowded[document] = label & inCrowd;
    if (saysTheSame) said[document] = (label / saidUnit) & splitMask;
  }
  return {
    labels,
    said,
    placed,
    crowded,
    closest: closestHere(findings.closest, documentAt),
    ...edgesHere(findings, documentAt, count),
  };
}

function closestHere(closest: NearPair | null, documentAt: Int32Array): NearPair | null | undefined {
  if (closest === null) return null;
  const [a = -1, b = -1] = [documentAt[closest.a], documentAt[closest.b]];
  return a < 0 || b < 0 ? undefined : { ...closest, a, b };
}

function edgesHere(findings: Findings, documentAt: Int32Array, count: number): Pick<Before, 'edges' | 'torn'> {
  const edges = createPairs();
  const torn = new Uint8Array(count);
  for (let at = 0; at < findings.edges.length; at += 1) {
    const key = findings.edges[at] as number;
    const a = documentAt[Math.floor(key / findings.labels.length)] ?? -1;
    const b = documentAt[key % findings.labels.length] ?? -1;
    if (a >= 0 && b >= 0) edges.add(a, b);
    else if (a >= 0 || b >= 0) torn[Math.max(a, b)] = 1;
  }
  return { edges, torn };
}
