/** Words of a text as numbers, the same for the same word, and how many characters each has. */
export interface Words {
  ids: number[];
  lengths: number[];
}

/** Runs of letters, marks and digits, in lower case; each ideograph and kana is a word of its own, as for near duplicates. */
const word =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])[\p{L}\p{M}\p{N}])+/gu;
const plainWord = /[A-Za-z\d]+/g;
const plain = /^[\0-\x7f]*$/;

export function wordsOf(text: string): string[] {
  return text.match(plain.test(text) ? plainWord : word) ?? [];
}

export function numberWords(text: string): Words {
  const numbers = new Map<string, number>();
  const found = wordsOf(text.toLowerCase());
  const ids = found.map((one) => {
    const known = numbers.get(one);
    if (known !== undefined) return known;
    numbers.set(one, numbers.size);
    return numbers.size - 1;
  });
  return { ids, lengths: found.map(({ length }) => length) };
}
