import { hash } from 'node:crypto';
import { RatchetError } from '../../core/errors.ts';

// Both databases are given plain words, parted by blanks, so that they cut texts and queries alike. Scripts that do not
// part their words are cut into characters; a query for several of them asks for them in a row.

/** Characters of a text that are indexed. What is longer is hardly read, and PostgreSQL takes 1 MiB at most. */
const maxIndexed = 128 * 1024;
const maxTerms = 32;

const unparted =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/gu;

/** In ASCII, whose letters have no accents: what stands between two words, but for a single blank. */
const betweenPlain = /[^a-z0-9]{2,}|[^a-z0-9 ]/g;
const notPlain = /[^ -~\s]/;
const longest = 200;
const tooLong = new RegExp(`[a-z0-9]{${longest + 1}}`);

/** The words of a text, parted by blanks. Most texts are ASCII, which takes a third of the time and of the garbage. */
export function wordsIn(text: string): string {
  const start = text.slice(0, maxIndexed);
  if (notPlain.test(start)) return wordsOf(start).join(' ');
  const words = start.toLowerCase().replace(betweenPlain, ' ').trim();
  return tooLong.test(words) ? wordsOf(start).join(' ') : words;
}

/** The words of a text, in lower case and without accents. */
function wordsOf(text: string): string[] {
  return text
    .slice(0, maxIndexed)
    .toWellFormed()
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(unparted, ' $& ')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '' && word.length <= longest);
}

/** Words in a row; with `prefix`, the last may go on. */
export interface Term {
  words: string[];
  prefix: boolean;
}

/** Reads what a person typed: all terms must occur, `"a phrase"` in its order, `begin*` as the beginning of a word. */
export function parseSearch(query: string): Term[] {
  const found = query.matchAll(/"([^"]*)"(\*?)|(\S+)/g);
  const terms = [...found]
    .map(([, phrase, star, bare = '']) => ({
      words: wordsOf(phrase ?? bare),
      prefix: phrase === undefined ? bare.endsWith('*') : star === '*',
    }))
    .filter(({ words }) => words.length > 0);
  if (terms.length === 0) {
    throw new RatchetError('InvalidInput', 'There is no word to search for: give one or more, or "a phrase".');
  }
  if (terms.length > maxTerms) {
    throw new RatchetError('InvalidInput', `A search has at most ${maxTerms} words and phrases: leave some out.`);
  }
  return terms;
}

/** A word that stands for an owner in the index, so that a search of one person never walks through the chats of all. */
export function ownerWord(owner: string): string {
  return `owner${hash('sha256', owner).slice(0, 20)}`;
}

/** The query for SQLite's FTS5: everything is quoted, so that no word is an operator. */
export function toFts5(terms: readonly Term[], owner: string | undefined): string {
  const text = terms.map(({ words, prefix }) => `"${words.join(' ')}"${prefix ? ' *' : ''}`).join(' AND ');
  return `{text} : (${text})${owner === undefined ? '' : ` AND {tag} : "${ownerWord(owner)}"`}`;
}

/** The query for PostgreSQL's `to_tsquery('simple', …)`. */
export function toTsquery(terms: readonly Term[], owner: string | undefined): string {
  const text = terms.map(
    ({ words, prefix }) => `(${words.map((word) => `'${word}'`).join(' <-> ')}${prefix ? ':*' : ''})`,
  );
  return [...text, ...(owner === undefined ? [] : [`'${ownerWord(owner)}'`])].join(' & ');
}
