import type { Span } from './documents.ts';

/** In how many documents a shingle is, roughly: 0, 1, 2, or 3 for more. */
export interface Rarity {
  note(shingles: Span): void;
  /**
   * Of the first so many shingles of a sorted set, in one order for all sets, those that were noted; others may be taken for them.
   * In that order stand those in fewer documents first, then by their hash. What comes back is written over by the next call.
   */
  firstKnown(shingles: Span, length: number): Uint32Array;
}

/** 2 ** 27 counters of two bits are 32 MiB. */
const mostBits = 27;
const classes = 4;
const none = new Uint32Array();

/** Counts shingles in two bits each; so many are expected. Some share a counter, which makes them look less rare, and is no mistake. */
export function createRarity(expected: number): Rarity {
  const bits = Math.max(4, Math.min(mostBits, Math.ceil(Math.log2(4 * (expected + 1)))));
  const counters = new Uint8Array(2 ** (bits - 2));
  const shift = 32 - bits;
  let chosen = new Uint32Array(1024);
  const classOf = (shingle: number): number => {
    const at = shingle >>> shift;
    return ((counters[at >>> 2] as number) >>> ((at & 3) << 1)) & 3;
  };
  return {
    note({ numbers, from, to }) {
      for (let index = from; index < to; index += 1) {
        const at = (numbers[index] as number) >>> shift;
        const place = (at & 3) << 1;
        const byte = counters[at >>> 2] as number;
        if (((byte >>> place) & 3) !== 3) counters[at >>> 2] = byte + (1 << place);
      }
    },
    firstKnown({ numbers, from, to }, length) {
      let wanted = length;
      // Most sets have enough shingles that nobody noted, and are done with here.
      for (let index = from; index < to && wanted > 0; index += 1) {
        if (classOf(numbers[index] as number) === 0) wanted -= 1;
      }
      if (wanted === 0) return none;
      if (chosen.length < wanted) chosen = new Uint32Array(wanted * 2);
      let count = 0;
      for (let rare = 1; rare < classes && count < wanted; rare += 1) {
        for (let index = from; index < to && count < wanted; index += 1) {
          const shingle = numbers[index] as number;
          if (classOf(shingle) === rare) chosen[count++] = shingle;
        }
      }
      return chosen.subarray(0, count);
    },
  };
}
