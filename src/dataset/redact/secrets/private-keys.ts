import type { Found } from '../kind.ts';

const begins = /-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const ends = /-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
/** Lines of a key, also where a string of a program writes their ends as `\n`, and its headers. */
const body = /(?:[A-Z][A-Za-z-]{1,20}: [^\n]{1,100}\n|[A-Za-z\d+/=\s]|\\[nr]|["'+,\\])*/y;
const fewestCharacters = 40;

/** Blocks of private keys in PEM and PGP form; one that is cut off goes as far as it looks like a key. */
export function findPrivateKeys(text: string): Found[] {
  const found: Found[] = [];
  if (!text.includes('PRIVATE KEY')) return found;
  for (const { 0: head, index } of text.matchAll(begins)) {
    if (index < (found.at(-1)?.end ?? 0)) continue;
    body.lastIndex = index + head.length;
    const inside = body.exec(text)?.[0] ?? '';
    if (inside.replace(/[^A-Za-z\d+/=]/g, '').length < fewestCharacters) continue;
    ends.lastIndex = index;
    const after = index + head.length + inside.length;
    const close = ends.exec(text);
    const end = close !== null && close.index <= after ? close.index + close[0].length : after;
    found.push({ start: index, end, key: text.slice(index, end) });
  }
  return found;
}
