import { ownWord, pageOfLetters } from './letters.ts';
import { mix } from './mix.ts';

/** FNV-1a (Fowler, Noll, Vo), over code points instead of bytes. */
const fnvStart = 0x811c9dc5 | 0;
const fnvPrime = 0x01000193;

/** Texts of which the words are remembered. */
const mostRemembered = 4;

const latin = pageOfLetters(0);
let scratch = new Uint32Array(4096);

/**
 * The hashes of a text's words, in order. A word is a run of letters, marks and digits with its case folded; a character of
 * a script without spaces (ideographs, kana, Thai, Lao, Khmer, Burmese) is a word of its own.
 */
export function wordHashes(text: string): Uint32Array {
  return scanWords(text).slice();
}

/** As {@link wordHashes}, but what comes back is written over by the next call. */
export function scanWords(text: string): Uint32Array {
  const { length } = text;
  if (scratch.length <= length) scratch = new Uint32Array(length * 2);
  const words = scratch;
  let count = 0;
  let hash = fnvStart;
  let open = 0;
  for (let at = 0; at < length; at += 1) {
    let code = text.charCodeAt(at);
    if (code >= 0xd800 && code < 0xdc00) {
      code = text.codePointAt(at) as number;
      if (code > 0xffff) at += 1;
    }
    const letter = (code < 256 ? latin[code] : pageOfLetters(code >>> 8)[code & 255]) as number;
    // No branch where a word ends: a processor cannot guess that, and a wrong guess costs as much as five characters.
    const inside = letter >= ownWord ? 0 : (0 - letter) >> 31;
    words[count] = hash;
    count += open & ~inside;
    hash = (Math.imul(hash ^ letter, fnvPrime) & inside) | (fnvStart & ~inside);
    open = inside & 1;
    if (letter >= ownWord) words[count++] = Math.imul(fnvStart ^ letter, fnvPrime);
  }
  words[count] = hash;
  count += open;
  for (let at = 0; at < count; at += 1) words[at] = mix(words[at] as number);
  return words.subarray(0, count);
}

/** Says the hashes of a text's words. What comes back is not to be changed. */
export type WordsOf = (text: string) => Uint32Array;

/** As {@link wordHashes}, with the last few texts remembered: stage after stage asks for those of one row. */
export function rememberWords(): WordsOf {
  const texts: string[] = [];
  const words: Uint32Array[] = [];
  let oldest = 0;
  return (text) => {
    const at = texts.indexOf(text);
    if (at >= 0) return words[at] as Uint32Array;
    const found = wordHashes(text);
    texts[oldest] = text;
    words[oldest] = found;
    oldest = (oldest + 1) % mostRemembered;
    return found;
  };
}

/** One hash of every code unit of a text. */
export function hashText(text: string): number {
  let hash = fnvStart;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), fnvPrime);
  return mix(hash);
}

/** The same of a text of ASCII by its bytes. */
export function hashBytes(bytes: Uint8Array, from: number, to: number): number {
  let hash = fnvStart;
  for (let at = from; at < to; at += 1) hash = Math.imul(hash ^ (bytes[at] as number), fnvPrime);
  return mix(hash);
}
