import { addTo, createBits, isIn, scanFor } from './bits.ts';

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
/** The second goes by Knuth's multiplicative hash, 2³² over the golden ratio. */
const spread = 0x9e3779b1;

/** Creates a sieve for so many, without any. */
export function createSieve(expected: number): Sieve {
  const first = createBits(expected, firstBits, mostFirstBits);
  /** The first goes by the low bits, which this moves up. */
  const lift = 2 ** first.shift;
  const second = createBits(expected, secondBits, mostSecondBits);
  return {
    add(hash) {
      addTo(first, Math.imul(hash, lift));
      addTo(second, Math.imul(hash, spread));
    },
    has: (hash) => isIn(first, Math.imul(hash, lift)) && isIn(second, Math.imul(hash, spread)),
    scan(numbers, from, to, found) {
      const count = scanFor(first, lift, { numbers, from, to, found });
      return count === 0 ? 0 : scanFor(second, spread, { numbers: found, from: 0, to: count, found });
    },
  };
}
