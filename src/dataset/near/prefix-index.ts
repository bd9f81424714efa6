import { areApart } from './apart.ts';
import type { Documents } from './documents.ts';
import { type Head, headLength } from './head.ts';
import { type PrefixOrder, createPrefixOrder } from './prefix-order.ts';

type Indexing = Pick<Required<Documents>, 'inOrder' | 'shinglesOf'> & { threshold: number };

/** Documents by the shingles of their prefixes. */
export interface PrefixIndex {
  /**
   * Of whom a document is to be compared with: those that share a shingle of the prefixes, and of which sizes and prefixes do not say
   * that they are another; each once.
   */
  candidates(document: number, head: Head): readonly number[];
  /** How often a shingle of a prefix was looked at. */
  looked(): number;
}

const none: readonly number[] = [];
const mostBucketBits = 22;

/** Indexes some documents. */
export function createPrefixIndex(documents: readonly number[], indexing: Indexing): PrefixIndex {
  const { threshold, shinglesOf } = indexing;
  const measured = measure(documents, indexing);
  const { sizes } = measured;
  const order = orderOf(documents, indexing, measured);
  const { names, members, starts, ends, first, next } = fillIndex(documents, order, { ...indexing, ...measured });
  let looked = 0;
  /** Of the document that is looked up. */
  let [asking, length] = [0, 0];
  /** Places of those that are found, and by place which lookup found it last. */
  const found: number[] = [];
  const foundBy = new Uint32Array(documents.length);
  let lookup = 0;

  function visit(shingle: number): void {
    for (let at = first(shingle); at !== 0; at = next[at - 1] as number) {
      looked += 1;
      if (names[at - 1] !== shingle) continue;
      const place = members[at - 1] as number;
      if (foundBy[place] === lookup) continue;
      foundBy[place] = lookup;
      const size = sizes[place] as number;
      const isSized = size >= threshold * length && length >= threshold * size;
      if (isSized && documents[place] !== asking) found.push(place);
    }
  }

  function headAt(place: number): Head {
    return { numbers: names, from: starts[place] as number, to: ends[place] as number, size: sizes[place] as number };
  }

  return {
    candidates(document, head) {
      [asking, length] = [document, head.size];
      lookup += 1;
      found.length = 0;
      const missing = order.eachWanted(head, visit);
      if (missing > 0)
        order.eachOfRest(shinglesOf(document), { length: headLength(length, threshold), missing }, visit);
      if (found.length === 0) return none;
      const alike = found.filter((place) => !areApart(head, headAt(place), { threshold, unsure: missing }));
      return alike.map((place) => documents[place] as number);
    },
    looked: () => looked,
  };
}

interface Measured {
  /** How many shingles each has, by its place. */
  sizes: Uint32Array;
  /** How many all have together, and how many their prefixes. */
  noted: number;
  wanted: number;
}

function measure(documents: readonly number[], { inOrder, threshold }: Indexing): Measured {
  const sizes = new Uint32Array(documents.length);
  const read = inOrder();
  let [noted, wanted] = [0, 0];
  for (const [place, document] of documents.entries()) {
    const { from, to } = read(document);
    sizes[place] = to - from;
    noted += to - from;
    wanted += headLength(to - from, threshold);
  }
  return { sizes, noted, wanted };
}

function orderOf(documents: readonly number[], { inOrder }: Indexing, expected: Measured): PrefixOrder {
  return createPrefixOrder({
    expected,
    noteAll(note) {
      const read = inOrder();
      for (const document of documents) note(read(document));
    },
  });
}

/** Shingles of prefixes, in chains by bucket, of which each begins with what was added last. */
interface Filled {
  names: Uint32Array;
  /** Whose they are, by its place. */
  members: Uint32Array;
  /** Where among `names` those of each begin, and where they end or cease to ascend. */
  starts: Uint32Array;
  ends: Uint32Array;
  /** One more than the first of the chain where a shingle would be; 0 where there is none. */
  first(shingle: number): number;
  /** The same of what comes behind each. */
  next: Uint32Array;
}

function fillIndex(
  documents: readonly number[],
  order: PrefixOrder,
  { inOrder, threshold, wanted }: Indexing & Measured,
): Filled {
  const bits = Math.max(1, Math.min(mostBucketBits, Math.ceil(Math.log2(wanted + 1))));
  const bucketOf = (shingle: number): number => Math.imul(shingle, 0x9e3779b1) >>> (32 - bits);
  const [last, next] = [new Uint32Array(2 ** bits), new Uint32Array(wanted)];
  const [members, names] = [new Uint32Array(wanted), new Uint32Array(wanted)];
  const [starts, ends] = [new Uint32Array(documents.length), new Uint32Array(documents.length)];
  const read = inOrder();
  let entries = 0;
  for (const [place, document] of documents.entries()) {
    starts[place] = entries;
    const span = read(document);
    const prefix = order.first(span, headLength(span.to - span.from, threshold));
    ends[place] = entries + ascending(prefix);
    for (const shingle of prefix) {
      order.want(shingle);
      const bucket = bucketOf(shingle);
      members[entries] = place;
      names[entries] = shingle;
      next[entries] = last[bucket] as number;
      entries += 1;
      last[bucket] = entries;
    }
  }
  return { names, members, starts, ends, first: (shingle) => last[bucketOf(shingle)] as number, next };
}

/** How many there are until one is smaller than the one before: common ones come last, whatever they are. */
function ascending(shingles: Uint32Array): number {
  let count = 1;
  while (count < shingles.length && (shingles[count] as number) > (shingles[count - 1] as number)) count += 1;
  return count;
}
