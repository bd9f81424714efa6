import validator from 'validator';
import { type Found, wordStart } from './kind.ts';

const heads = new RegExp(String.raw`${wordStart}[a-z]{2}\d{2}(?=[ \u00a0-]?[a-z\d])`, 'giu');

/** Shortest and longest IBAN of the registry, in characters without separators. */
const shortest = 15;
const longest = 34;

/** IBANs, in one piece or in groups: the country's length and form, and the remainder by 97 (ISO 13616). The key has no separators. */
export function findIbans(text: string): Found[] {
  const found: Found[] = [];
  let past = 0;
  for (const { index } of text.matchAll(heads)) {
    const iban = index < past ? null : ibanAt(text, index);
    if (iban === null) continue;
    found.push(iban);
    past = iban.end;
  }
  return found;
}

/** What follows an IBAN may look like one more group of it, so that every end between two groups is tried. */
function ibanAt(text: string, start: number): Found | null {
  let key = '';
  let best: Found | null = null;
  for (let at = start; at < text.length && key.length < longest; at++) {
    const char = text[at] ?? '';
    if (isPart(char)) key += char.toUpperCase();
    else if (!isSeparator(char) || isSeparator(text[at - 1] ?? '')) break;
    if (!isPart(char) || isPart(text[at + 1] ?? '') || key.length < shortest) continue;
    if (validator.isIBAN(key)) best = { start, end: at + 1, key };
  }
  return best;
}

function isPart(char: string): boolean {
  return /^[a-z\d]$/i.test(char);
}

function isSeparator(char: string): boolean {
  return char === ' ' || char === '-' || char === '\u00a0';
}
