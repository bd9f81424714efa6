import { mix } from './mix.ts';
import { sortUnique } from './sort.ts';
import { type WordsOf, hashText, scanWords } from './words.ts';

/** Words in a shingle. */
export const shingleWords = 5;

/** Odd, so that it can be undone; Knuth's, from the golden ratio. */
const base = 0x9e3779b1;
/** What the oldest word of a shingle has been multiplied by when it leaves. */
const leaving = power(base, shingleWords);

let scratch = new Uint32Array(4096);
let joined = new Uint32Array(4096);

/**
 * The set of a text's shingles: the hashes of every five words in a row, sorted, each once. The text is to be normalised.
 * Fewer words are one shingle, and a text without any (punctuation, emoji) is one as it stands, so that the set is never empty.
 *
 * @example
 * shingleHashes('One two three four five six.').length // 2
 */
export function shingleHashes(text: string): Uint32Array {
  const words = scanWords(text);
  return words.length === 0 ? Uint32Array.of(hashText(text)) : shinglesOf(words);
}

/** The same of a text whose lines these are, each as many as one or more; of each the words may be known. */
export function shinglesOfLines(lines: readonly string[], wordsOf: WordsOf): Uint32Array {
  const all = lines.map(wordsOf);
  const count = all.reduce((sum, { length }) => sum + length, 0);
  if (count === 0) return Uint32Array.of(hashText(lines.join('\n')));
  if (joined.length < count) joined = new Uint32Array(count * 2);
  let at = 0;
  for (const words of all) {
    joined.set(words, at);
    at += words.length;
  }
  return shinglesOf(joined.subarray(0, count));
}

function shinglesOf(words: Uint32Array): Uint32Array {
  if (words.length < shingleWords) return Uint32Array.of(hashWords(words));
  const count = words.length - shingleWords + 1;
  if (scratch.length < count) scratch = new Uint32Array(count * 2);
  rollOver(words, scratch);
  return sortUnique(scratch.subarray(0, count));
}

/** A polynomial over the words' hashes, modulo 2³², that takes one step for each word. */
function rollOver(words: Uint32Array, out: Uint32Array): void {
  let rolling = 0;
  for (let at = 0; at < words.length; at += 1) {
    rolling = (Math.imul(rolling, base) + (words[at] as number)) | 0;
    const first = at - shingleWords + 1;
    if (first > 0) rolling = (rolling - Math.imul(words[first - 1] as number, leaving)) | 0;
    if (first >= 0) out[first] = mix(rolling);
  }
}

/** Another sum than that of a whole shingle: their number counts. */
function hashWords(words: Uint32Array): number {
  let rolling = words.length;
  for (const word of words) rolling = (Math.imul(rolling, base) + word) | 0;
  return mix(rolling);
}

function power(factor: number, exponent: number): number {
  let product = 1;
  for (let step = 0; step < exponent; step += 1) product = Math.imul(product, factor);
  return product;
}
