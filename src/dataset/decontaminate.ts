import { type WireMessage, textOf } from '../core/message.ts';
import { wordHashes } from './near/words.ts';
import { normaliseText } from './normalise.ts';

/** One thing that an evaluation asks. */
export interface EvalItem {
  /** Names it in the report: the set and its number or id. */
  id: string;
  /** What is asked: the messages of the item. */
  messages: readonly WireMessage[];
  /** Texts that must not be learned either: reference answers, choices. */
  texts?: readonly string[];
}

/** Says which item of an evaluation a row gives away, by its id; null when none. */
export type Contamination = (messages: readonly WireMessage[]) => string | null;

/** Words in a row by which a text is known, as since GPT-3 (Brown et al. 2020, appendix C). */
const longest = 13;
/** Texts that are shorter are only looked for as a whole message: they are said by everybody. */
const shortest = 5;

/**
 * Looks for what evaluations ask in rows: a message that is equal after normalising, 13 words in a row, or all words of a
 * text that has 5 to 12.
 */
export function createContamination(items: readonly EvalItem[]): Contamination {
  const equal = new Map<string, string>();
  const grams = createGrams();
  for (const { id, messages, texts = [] } of items) {
    const asked = messages.filter(({ role }) => role === 'user').map(({ content }) => textOf(content));
    const last = asked.at(-1);
    if (last !== undefined) setOnce(equal, normaliseText(last).toLowerCase(), id);
    for (const text of [...asked, ...texts]) grams.add(wordHashes(text), id);
  }
  if (equal.size === 0 && grams.size === 0) return () => null;
  return (messages) => {
    for (const { role, content } of messages) {
      const text = textOf(content);
      const found =
        (role === 'user' && equal.get(normaliseText(text).toLowerCase())) || grams.find(wordHashes(text)) || null;
      if (found !== null) return found;
    }
    return null;
  };
}

interface Grams {
  readonly size: number;
  add(words: Uint32Array, id: string): void;
  find(words: Uint32Array): string | null;
}

function createGrams(): Grams {
  /** By how many words they have, then by their name. */
  const byLength = new Map<number, Map<number, string>>();

  function add(words: Uint32Array, id: string): void {
    if (words.length < shortest) return;
    const length = Math.min(longest, words.length);
    const known = byLength.get(length) ?? new Map<number, string>();
    byLength.set(length, known);
    for (let at = 0; at + length <= words.length; at += 1) setOnce(known, gramName(words, at, length), id);
  }

  function find(words: Uint32Array): string | null {
    for (const [length, known] of byLength) {
      for (let at = 0; at + length <= words.length; at += 1) {
        const id = known.get(gramName(words, at, length));
        if (id !== undefined) return id;
      }
    }
    return null;
  }

  return {
    get size() {
      return byLength.size;
    },
    add,
    find,
  };
}

/** 53 bits from two polynomials over the words: a million rows beside a million grams meet by chance once in 10⁸ builds or so. */
function gramName(words: Uint32Array, from: number, length: number): number {
  let [high, low] = [0x9e3779b9, 0x85ebca6b];
  for (let at = from; at < from + length; at += 1) {
    const word = words[at] ?? 0;
    high = Math.imul(high ^ word, 0x01000193);
    low = Math.imul(low + word, 0xc2b2ae35) ^ (low >>> 15);
  }
  return ((high ^ (high >>> 16)) >>> 0) * 2 ** 21 + ((low ^ (low >>> 13)) >>> 11);
}

function setOnce<K>(map: Map<K, string>, key: K, id: string): void {
  if (!map.has(key)) map.set(key, id);
}
