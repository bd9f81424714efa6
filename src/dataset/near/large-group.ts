import { keepShingles } from './documents.ts';
import { overlapNeeded } from './jaccard.ts';
import type { Compare, Pairing } from './pairing.ts';

/** Documents of one part that have a shingle early in their order. */
type Posting = number[];

interface Ordered {
  document: number;
  /** Its shingles from the rarest in the group to the commonest, as many as may matter. */
  rarest: Uint32Array;
  size: number;
}

/**
 * Pairs the members of a large group without looking at every pair. Texts from one template share a band by the thousand,
 * and are yet not similar enough. So shingles are ordered by how rare they are in the group; two sets that are similar
 * enough must share one within the first few of that order: prefix filtering, exact (Bayardo, Ma and Srikant, WWW 2007;
 * Xiao, Wang, Lin and Yu, WWW 2008). What comes from the template alone is at the end of the order, and meets nobody.
 */
export function pairLargeGroup(members: Uint32Array, pairing: Pairing, compare: Compare): void {
  const { least, partOf } = pairing;
  const shinglesOf = keepShingles(pairing.shinglesOf);
  const limit = least();
  const counts = countShingles(members, shinglesOf);
  const index = new Map<number, Posting[]>();
  const met = new Set<number>();
  for (const { document, rarest, size } of inOrder(members, counts, limit, shinglesOf)) {
    met.clear();
    for (const shingle of rarest) {
      if (counts(shingle) === 1) continue;
      for (const posting of index.get(shingle) ?? []) {
        for (const other of posting) {
          if (partOf(other) === partOf(document)) break;
          if (!met.has(other)) compare(document, other);
          met.add(other);
        }
      }
    }
    // Who comes later is at least as large, so that fewer of these can be the first that both share.
    const indexed = size - overlapNeeded(2 * size, limit) + 1;
    for (const shingle of rarest.subarray(0, indexed)) {
      if (counts(shingle) > 1) addTo(index, shingle, document, partOf);
    }
  }
}

function addTo(index: Map<number, Posting[]>, shingle: number, document: number, partOf: Pairing['partOf']): void {
  const postings = index.get(shingle);
  if (!postings) {
    index.set(shingle, [[document]]);
    return;
  }
  const part = partOf(document);
  const own = postings.find(([other]) => other !== undefined && partOf(other) === part);
  if (own) own.push(document);
  else postings.push([document]);
}

/** How often a shingle occurs, or more: shingles may share a counter. */
type Counts = (shingle: number) => number;

const mostCounters = 1 << 22;

function countShingles(members: Uint32Array, shinglesOf: Pairing['shinglesOf']): Counts {
  let total = 0;
  for (const document of members) total += shinglesOf(document).length;
  const counters = new Uint32Array(Math.min(mostCounters, 2 ** Math.ceil(Math.log2(total * 4))));
  const mask = counters.length - 1;
  for (const document of members) for (const shingle of shinglesOf(document)) (counters[shingle & mask] as number)++;
  return (shingle) => counters[shingle & mask] as number;
}

/** The members from the smallest set to the largest, each with the shingles that may be the first that it shares. */
function* inOrder(
  members: Uint32Array,
  counts: Counts,
  limit: number,
  shinglesOf: Pairing['shinglesOf'],
): Generator<Ordered> {
  const sizes = Array.from(members, (document) => ({ document, size: shinglesOf(document).length }));
  sizes.sort((a, b) => a.size - b.size || a.document - b.document);
  for (const { document, size } of sizes) {
    // The smallest partner has `limit` of its size, and is then wholly within it.
    const rarest = size - overlapNeeded(size * (1 + limit), limit) + 1;
    yield { document, size, rarest: rarestOf(shinglesOf(document), rarest, counts) };
  }
}

/** The first shingles by count and hash. */
function rarestOf(shingles: Uint32Array, wanted: number, counts: Counts): Uint32Array {
  const keys = Float64Array.from(shingles, (shingle) => counts(shingle) * 2 ** 32 + shingle).sort();
  return Uint32Array.from(keys.subarray(0, wanted), (key) => key % 2 ** 32);
}
