import type { Span } from './documents.ts';
import { createSieve } from './sieve.ts';

/**
 * One order for the shingles of all sets: what is in many of the documents that are indexed comes last, and else they are in the
 * order of their hashes, which is that of sets. So what all have in common, as from a template, is in no prefix unless there is little else.
 */
export interface PrefixOrder {
  /** The first so many of a set. What comes back is written over by the next call. */
  first(shingles: Span, length: number): Uint32Array;
  /** Adds to what is wanted. */
  want(shingle: number): void;
  /**
   * Calls for those of as many as a head has that are wanted, other than those that come in the place of common ones, and says how many
   * of these there are. Others may be taken for wanted.
   */
  eachWanted(head: Span, visit: (shingle: number) => void): number;
  /** The same for those that come in the place of so many common ones, of all shingles of a set. */
  eachOfRest(shingles: Uint32Array, head: { length: number; missing: number }, visit: (shingle: number) => void): void;
}

interface Ordering {
  /** How many shingles are noted, and how many will be wanted. */
  expected: { noted: number; wanted: number };
  /** Notes those of every document that is indexed. */
  noteAll(note: (shingles: Span) => void): void;
}

/** 2 ** 26 counters of four bits are 32 MiB. */
const mostCounterBits = 26;
/** Of each counter. */
const counterBits = 4;
const counterMask = 2 ** counterBits - 1;
/** A shingle of more documents is common: to look at so many takes less time than to read what comes in its place. */
const mostUncommon = counterMask - 1;
/** Few, so that the counters of some ten thousand documents fit into a processor's cache. */
const bitsForCounter = 4;

/** Counts in how many documents shingles are. */
export function createPrefixOrder({ expected, noteAll }: Ordering): PrefixOrder {
  const last = commonOnes(expected.noted, noteAll);
  /** What is wanted or common: nearly all shingles are neither. For as many, so that all that looks common is marked. */
  const marked = createSieve(expected.wanted + last.length);
  const common = createSieve(expected.wanted + last.length);
  for (const shingle of last) {
    common.add(shingle);
    marked.add(shingle);
  }
  const isLast = common.has;
  let chosen = new Uint32Array(1024);
  const makeRoom = (length: number): void => {
    if (chosen.length <= length) chosen = new Uint32Array(length * 2);
  };

  function first({ numbers, from, to }: Span, length: number): Uint32Array {
    makeRoom(length);
    let count = 0;
    for (const wantsLast of [false, true]) {
      for (let index = from; index < to && count < length; index += 1) {
        const shingle = numbers[index] as number;
        if (isLast(shingle) === wantsLast) chosen[count++] = shingle;
      }
    }
    return chosen.subarray(0, count);
  }

  function eachWanted({ numbers, from, to }: Span, visit: (shingle: number) => void): number {
    makeRoom(to - from);
    const count = marked.scan(numbers, from, to, chosen);
    let missing = 0;
    for (let at = 0; at < count; at += 1) {
      const shingle = chosen[at] as number;
      if (isLast(shingle)) missing += 1;
      else visit(shingle);
    }
    return missing;
  }

  /** The next so many that are not common, then common ones where there are not as many. */
  function eachOfRest(
    shingles: Uint32Array,
    { length, missing }: { length: number; missing: number },
    visit: (shingle: number) => void,
  ): void {
    let left = missing;
    for (let index = length; index < shingles.length && left > 0; index += 1) {
      const shingle = shingles[index] as number;
      const isMarked = marked.has(shingle);
      if (isMarked && isLast(shingle)) continue;
      left -= 1;
      if (isMarked) visit(shingle);
    }
    for (let index = 0; index < shingles.length && left > 0; index += 1) {
      const shingle = shingles[index] as number;
      if (!isLast(shingle)) continue;
      left -= 1;
      visit(shingle);
    }
  }

  return { first, want: marked.add, eachWanted, eachOfRest };
}

/**
 * Those that are in many documents, counted in four bits each: some share a counter, so that one of them may be told that is in fewer.
 * Whatever they are, the order is one.
 */
function commonOnes(noted: number, noteAll: Ordering['noteAll']): number[] {
  const bits = Math.max(4, Math.min(mostCounterBits, Math.ceil(Math.log2(bitsForCounter * (noted + 1)))));
  const counters = new Uint8Array(2 ** bits / (8 / counterBits));
  const shift = 32 - bits;
  const found: number[] = [];
  noteAll(({ numbers, from, to }) => {
    for (let index = from; index < to; index += 1) {
      const shingle = numbers[index] as number;
      const at = shingle >>> shift;
      const place = (at & 1) * counterBits;
      const byte = counters[at >>> 1] as number;
      const count = (byte >>> place) & counterMask;
      if (count > mostUncommon) continue;
      counters[at >>> 1] = byte + (1 << place);
      if (count === mostUncommon) found.push(shingle);
    }
  });
  return found;
}
