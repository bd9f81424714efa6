import { type Bits, addTo, createBits, isIn } from './bits.ts';

/**
 * Membership of hashes, for looking many up of which few are members: others may be taken for members, and are always the same. Of two
 * sieves for as many, one that has all members of the other takes all that the other does.
 */
export interface Sieve {
  add(hash: number): void;
  has(hash: number): boolean;
  /** Writes those that stand in a list from one place to before another into `found`, which has room for all, and says how many. */
  scan(hashes: Uint32Array, from: number, to: number, found: Uint32Array): number;
}

/** Nine of ten are told by the first table, of 1 MiB at most, which a processor has at hand; of the others the second tells nearly all. */
const [firstBits, mostFirstBits] = [8, 23];
const [secondBits, mostSecondBits] = [64, 24];
/** The first goes by the low bits, the second by all: Knuth's multiplicative hash, 2³² over the golden ratio. */
const spread = 0x9e3779b1;
const least = 5;

/** Creates a sieve for so many, without any. */
export function createSieve(expected: number): Sieve {
  const bits = Math.max(least, Math.min(mostFirstBits, Math.ceil(Math.log2((expected + 1) * firstBits))));
  const first = new Uint32Array(2 ** (bits - least));
  const mask = 2 ** bits - 1;
  const second = createBits(expected, secondBits, mostSecondBits);
  const spreadOf = (hash: number): number => Math.imul(hash, spread);
  return {
    add(hash) {
      const bit = hash & mask;
      (first[bit >>> least] as number) |= 1 << (bit & 31);
      addTo(second, spreadOf(hash));
    },
    has(hash) {
      const bit = hash & mask;
      return (((first[bit >>> least] as number) >>> (bit & 31)) & 1) === 1 && isIn(second, spreadOf(hash));
    },
    scan(hashes, from, to, found) {
      let count = 0;
      for (let index = from; index < to; index += 1) {
        const hash = hashes[index] as number;
        const bit = hash & mask;
        // Written in any case, and kept where the bit is set: no processor can guess where it is.
        found[count] = hash;
        count += ((first[bit >>> least] as number) >>> (bit & 31)) & 1;
      }
      return count === 0 ? 0 : keepIn(second, found, count);
    },
  };
}

/** Leaves those of the first so many that are members by their hashes' spread. */
function keepIn({ words, shift }: Bits, found: Uint32Array, count: number): number {
  let kept = 0;
  for (let at = 0; at < count; at += 1) {
    const hash = found[at] as number;
    const bit = Math.imul(hash, spread) >>> shift;
    found[kept] = hash;
    kept += ((words[bit >>> least] as number) >>> (bit & 31)) & 1;
  }
  return kept;
}
