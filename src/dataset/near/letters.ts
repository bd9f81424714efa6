/** What is between words. */
const noLetter = 0;
/** Set on a character that is a word by itself; the bits below are its code point. */
export const ownWord = 1 << 30;

const pageSize = 256;
const pages: (Int32Array | undefined)[] = [];

const inWord = /[\p{L}\p{M}\p{N}]/u;
/** Scripts that put no space between words; their letters, with the marks that are only theirs. */
const unspaced =
  /[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Bopomofo}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/u;

/**
 * The page of 256 characters that starts at `number * 256`. An entry is 0 for what is in no word, or the code point with its case
 * folded, with {@link ownWord} where the script puts no spaces. Made when it is first asked for.
 */
export function pageOfLetters(number: number): Int32Array {
  const known = pages[number];
  if (known) return known;
  const page = Int32Array.from({ length: pageSize }, (_, index) => letterOf(number * pageSize + index));
  pages[number] = page;
  return page;
}

function letterOf(code: number): number {
  const character = String.fromCodePoint(code);
  if (!inWord.test(character)) return noLetter;
  return unspaced.test(character) ? code | ownWord : foldCase(character);
}

/**
 * Up and then down, so that the forms of a letter that differ only in their place in a word (σ and ς) become one. A letter
 * whose other case is more than one character (ß) stays as it is.
 */
function foldCase(character: string): number {
  const upper = character.toUpperCase();
  const folded = (isOne(upper) ? upper : character).toLowerCase();
  return (isOne(folded) ? folded : character).codePointAt(0) ?? noLetter;
}

function isOne(text: string): boolean {
  return text.length === String.fromCodePoint(text.codePointAt(0) ?? 0).length;
}
