/** Words of a text as numbers, the same for the same word, and how many characters each has. */
export interface Words {
  ids: number[];
  lengths: number[];
}

/** Runs of letters, marks and digits, in lower case; each ideograph and kana is a word of its own, as for near duplicates. */
const word =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])[\p{L}\p{M}\p{N}])+/gu;
/** The same for texts in Latin letters alone, which need no look ahead. */
const latinWord = /[a-z\d\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af]+/g;
const latin = /^[\0-\u02af‐-›€→]*$/;

export function numberWords(text: string): Words {
  const numbers = new Map<string, number>();
  const lower = text.toLowerCase();
  const ids: number[] = [];
  const lengths: number[] = [];
  for (const one of lower.match(latin.test(lower) ? latinWord : word) ?? []) {
    let id = numbers.get(one);
    if (id === undefined) numbers.set(one, (id = numbers.size));
    ids.push(id);
    lengths.push(one.length);
  }
  return { ids, lengths };
}
