/** Membership of numbers by some bits of each: others may be taken for members, and are always the same. */
export interface Bits {
  words: Uint32Array;
  /** How far a number of 32 bits is moved to be the place of its bit. */
  shift: number;
}

const least = 5;

/** So many bits for each of the members that are expected, and no more than 2 to the power of `most`. */
export function createBits(expected: number, each: number, most: number): Bits {
  const bits = Math.max(least, Math.min(most, Math.ceil(Math.log2((expected + 1) * each))));
  return { words: new Uint32Array(2 ** (bits - least)), shift: 32 - bits };
}

export function addTo({ words, shift }: Bits, number: number): void {
  const bit = number >>> shift;
  (words[bit >>> 5] as number) |= 1 << (bit & 31);
}

export function isIn({ words, shift }: Bits, number: number): boolean {
  const bit = number >>> shift;
  return (((words[bit >>> 5] as number) >>> (bit & 31)) & 1) === 1;
}
