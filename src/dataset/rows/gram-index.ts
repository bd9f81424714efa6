import { type Bits, addTo, createBits, isIn } from '../near/bits.ts';

/** Runs of words by their hashes, of several lengths, each with the id of what it is from. */
export interface GramIndex {
  /** Adds every run of so many words. The first id of a run stays. */
  add(words: Uint32Array, length: number, id: string): void;
  /** The id of a run that stands among the words; null when none does. */
  find(words: Uint32Array): string | null;
}

/** Two odd factors, so that two polynomials over the words tell runs apart. */
const factors = { low: 0x9e3779b1, high: 0x85ebca6b } as const;
/** Bits of the filter that most runs end at, for each that is added: few, so that a processor has them at hand. */
const [bitsForRun, mostBits] = [32, 26];

/** Creates an empty index for so many runs. */
export function createGramIndex(expected: number): GramIndex {
  /** By how many words they have, then by their name. */
  const byLength = new Map<number, Map<number, string>>();
  const filter = createBits(expected, bitsForRun, mostBits);
  return {
    add(words, length, id) {
      const known = byLength.get(length) ?? new Map<number, string>();
      byLength.set(length, known);
      forEachGram(words, length, (low, high) => {
        const name = nameOf(low, high);
        if (!known.has(name)) known.set(name, id);
        addTo(filter, low);
      });
    },
    find(words) {
      for (const [length, known] of byLength) {
        const found = findIn(words, { length, known, filter });
        if (found !== null) return found;
      }
      return null;
    },
  };
}

interface Asked {
  length: number;
  known: ReadonlyMap<number, string>;
  filter: Bits;
}

/**
 * The id of the first run of so many words that is known. Most texts have none: one polynomial is taken of every run, and the other only
 * where that one is marked.
 */
function findIn(words: Uint32Array, { length, known, filter }: Asked): string | null {
  const leaving = power(factors.low, length);
  let low = 0;
  for (let at = 0; at < words.length; at += 1) {
    low = (Math.imul(low, factors.low) + (words[at] as number)) | 0;
    if (at >= length) low = (low - Math.imul(words[at - length] as number, leaving)) | 0;
    if (at < length - 1 || !isIn(filter, low)) continue;
    const found = known.get(nameOf(low, highOf(words, at + 1 - length, at + 1)));
    if (found !== undefined) return found;
  }
  return null;
}

function highOf(words: Uint32Array, from: number, to: number): number {
  let high = 0;
  for (let at = from; at < to; at += 1) high = (Math.imul(high, factors.high) + (words[at] as number)) | 0;
  return high;
}

/** Names all the words of a text, in 53 bits. */
export function gramName(words: Uint32Array): number {
  let [low, high] = [words.length, 0];
  for (const word of words) {
    low = (Math.imul(low, factors.low) + word) | 0;
    high = (Math.imul(high, factors.high) + word) | 0;
  }
  return nameOf(low, high);
}

/** Calls with two 32-bit polynomials of every run of words, one step for each word. */
function forEachGram(words: Uint32Array, length: number, visit: (low: number, high: number) => void): void {
  const leaving = { low: power(factors.low, length), high: power(factors.high, length) };
  let [low, high] = [0, 0];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] as number;
    low = (Math.imul(low, factors.low) + word) | 0;
    high = (Math.imul(high, factors.high) + word) | 0;
    if (at >= length) {
      const gone = words[at - length] as number;
      low = (low - Math.imul(gone, leaving.low)) | 0;
      high = (high - Math.imul(gone, leaving.high)) | 0;
    }
    if (at >= length - 1) visit(low, high);
  }
}

function power(factor: number, exponent: number): number {
  let product = 1;
  for (let step = 0; step < exponent; step += 1) product = Math.imul(product, factor);
  return product;
}

/** 53 bits: ten million runs beside a million meet by chance in one of a thousand builds. */
function nameOf(low: number, high: number): number {
  return (high >>> 0) * 2 ** 21 + ((low ^ (low >>> 15)) & (2 ** 21 - 1));
}
