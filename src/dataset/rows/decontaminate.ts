import { type WireMessage, textOf } from '../../core/message.ts';
import { type WordsOf, wordHashes } from '../near/words.ts';
import { createGramIndex, gramName } from './gram-index.ts';

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
 * Looks for what evaluations ask in rows: a user's message with the same words, whatever their case and punctuation, 13 words in
 * a row anywhere, or all words of a text that has 5 to 12.
 */
export function createContamination(items: readonly EvalItem[], wordsOf: WordsOf = wordHashes): Contamination {
  if (items.length === 0) return () => null;
  const whole = new Map<number, string>();
  const known: { words: Uint32Array; id: string }[] = [];
  for (const { id, messages, texts = [] } of items) {
    const asked = messages.filter(({ role }) => role === 'user').map(({ content }) => wordHashes(textOf(content)));
    const last = asked.at(-1);
    if (last && last.length > 0 && !whole.has(gramName(last))) whole.set(gramName(last), id);
    for (const words of [...asked, ...texts.map(wordHashes)]) if (words.length >= shortest) known.push({ words, id });
  }
  const grams = createGramIndex(known.reduce((sum, { words }) => sum + words.length, 0));
  for (const { words, id } of known) grams.add(words, Math.min(longest, words.length), id);
  return (messages) => {
    for (const { role, content } of messages) {
      const words = wordsOf(textOf(content));
      const found = (role === 'user' ? whole.get(gramName(words)) : undefined) ?? grams.find(words);
      if (found !== null) return found;
    }
    return null;
  };
}
