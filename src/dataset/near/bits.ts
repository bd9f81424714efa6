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

/**
 * Writes those of a list, from one place to before another, that are members by a product of each into `found`, which has room for all,
 * and says how many. It may be the list itself.
 */
export function scanFor({ words, shift }: Bits, factor: number, { numbers, from, to, found }: Scan): number {
  let count = 0;
  for (let at = from; at < to; at += 1) {
    const number = numbers[at] as number;
    const bit = Math.imul(number, factor) >>> shift;
    // Written in any case, and kept where the bit is set: no processor can guess where it is.
    found[count] = number;
    count += ((words[bit >>> 5] as number) >>> (bit & 31)) & 1;
  }
  return count;
}

export interface Scan {
  numbers: Uint32Array;
  from: number;
  to: number;
  found: Uint32Array;
}
