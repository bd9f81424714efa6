/** In how many documents a shingle is, roughly: 0, 1, 2, or 3 for more. */
export interface Rarity {
  note(shingles: Uint32Array): void;
  /**
   * The first so many shingles of a sorted set in one order for all sets: those in fewer documents first, then by their hash. Only
   * whole classes are looked at, so that it takes one pass for each.
   */
  first(shingles: Uint32Array, length: number): Uint32Array;
  /** Whether one of these was noted, or another that is taken for it. */
  knows(shingle: number): boolean;
}

/** 2 ** 27 counters of two bits are 32 MiB. */
const mostBits = 27;
const classes = 4;

/** Counts shingles in two bits each; so many are expected. Some share a counter, which makes them look less rare, and is no mistake. */
export function createRarity(expected: number): Rarity {
  const bits = Math.max(4, Math.min(mostBits, Math.ceil(Math.log2(4 * (expected + 1)))));
  const counters = new Uint8Array(2 ** (bits - 2));
  const shift = 32 - bits;
  const classOf = (shingle: number): number => {
    const at = shingle >>> shift;
    return ((counters[at >>> 2] as number) >>> ((at & 3) << 1)) & 3;
  };
  return {
    note(shingles) {
      for (let index = 0; index < shingles.length; index += 1) {
        const at = (shingles[index] as number) >>> shift;
        const place = (at & 3) << 1;
        const byte = counters[at >>> 2] as number;
        if (((byte >>> place) & 3) !== 3) counters[at >>> 2] = byte + (1 << place);
      }
    },
    first(shingles, length) {
      const chosen = new Uint32Array(length);
      let count = 0;
      for (let wanted = 0; wanted < classes && count < length; wanted += 1) {
        for (let index = 0; index < shingles.length && count < length; index += 1) {
          const shingle = shingles[index] as number;
          if (classOf(shingle) === wanted) chosen[count++] = shingle;
        }
      }
      return chosen;
    },
    knows: (shingle) => classOf(shingle) !== 0,
  };
}
