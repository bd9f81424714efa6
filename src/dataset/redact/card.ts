import validator from 'validator';
import { isArticleNumber } from './article-number.ts';
import { isCalledCard, isIdentifier } from './context.ts';
import { type Found, wordChars, wordStart } from './kind.ts';

/**
 * Issuers' ranges of first digits, and how long their numbers are (ISO/IEC 7812; the table of issuers at
 * https://en.wikipedia.org/wiki/Payment_card_number). Both ends of a range are of it.
 */
const issuers: readonly { from: string; to: string; lengths: readonly number[] }[] = [
  { from: '4', to: '4', lengths: [13, 16, 19] }, // Visa
  { from: '51', to: '55', lengths: [16] }, // Mastercard
  { from: '2221', to: '2720', lengths: [16] },
  { from: '34', to: '34', lengths: [15] }, // American Express
  { from: '37', to: '37', lengths: [15] },
  { from: '300', to: '305', lengths: [14, 16] }, // Diners Club
  { from: '3095', to: '3095', lengths: [14, 16] },
  { from: '36', to: '36', lengths: [14] },
  { from: '38', to: '39', lengths: [14, 16] },
  { from: '6011', to: '6011', lengths: [16, 17, 18, 19] }, // Discover
  { from: '644', to: '659', lengths: [16, 17, 18, 19] },
  { from: '35', to: '35', lengths: [16, 17, 18, 19] }, // JCB, which has 3528 to 3589 of these
  { from: '1800', to: '1800', lengths: [15] },
  { from: '2131', to: '2131', lengths: [15] },
  { from: '62', to: '62', lengths: [16, 17, 18, 19] }, // UnionPay
  { from: '0604', to: '0604', lengths: [12, 13, 14, 15, 16, 17, 18, 19] }, // Maestro
  { from: '5018', to: '5018', lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { from: '5020', to: '5020', lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { from: '5038', to: '5038', lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { from: '5600', to: '5899', lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { from: '6304', to: '6304', lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { from: '6390', to: '6390', lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { from: '6700', to: '6799', lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { from: '2200', to: '2204', lengths: [16, 17, 18, 19] }, // Mir
  { from: '60', to: '60', lengths: [16] }, // RuPay
  { from: '81', to: '82', lengths: [16] },
  { from: '508', to: '508', lengths: [16] },
];

const shortest = 12;
const longest = 19;
const digitRuns = new RegExp(
  String.raw`${wordStart}(?<![${wordChars}][.-]|[#$€£])\d(?:[ \u00a0-]?\d){11,}(?![${wordChars}]|[.,]\d{1,2}(?!\d))`,
  'gu',
);

/** Payment card numbers, in one piece or in groups: an issuer's range and length, and Luhn's check digit. The key is its digits. */
export function findCards(text: string): Found[] {
  const found: Found[] = [];
  for (const { 0: run, index } of text.matchAll(digitRuns)) {
    const groups = [...run.matchAll(/\d+/g)].map((group) => ({ start: index + group.index, digits: group[0] }));
    for (let at = 0; at < groups.length; at++) {
      const card = cardFrom(groups, at);
      if (card === null) continue;
      at = card.last;
      const { start, end, key } = card;
      const other = isIdentifier(text, start) || isArticleNumber(key);
      const doubtful = card.first === card.last && other && !isCalledCard(text, start);
      if (!doubtful) found.push({ start, end, key });
    }
  }
  return found;
}

interface Group {
  start: number;
  digits: string;
}

/** The longest card that begins with this group. */
function cardFrom(groups: readonly Group[], first: number): (Found & { first: number; last: number }) | null {
  let best: ReturnType<typeof cardFrom> = null;
  let key = '';
  for (let last = first; last < groups.length && key.length <= longest; last++) {
    const group = groups[last];
    if (group === undefined) break;
    key += group.digits;
    if (!isGrouping(groups.slice(first, last + 1)) || !isCardNumber(key)) continue;
    best = { start: groups[first]?.start ?? 0, end: group.start + group.digits.length, key, first, last };
  }
  return best;
}

/** Cards are written in one piece or in up to five groups, none of one or two digits but the last. */
function isGrouping(groups: readonly Group[]): boolean {
  return groups.length <= 5 && groups.every(({ digits }, at) => digits.length >= 3 || at === groups.length - 1);
}

function isCardNumber(digits: string): boolean {
  if (digits.length < shortest || digits.length > longest) return false;
  return issuers.some((issuer) => isOf(issuer, digits)) && !/^(\d)\1+$/.test(digits) && validator.isLuhnNumber(digits);
}

function isOf({ from, to, lengths }: (typeof issuers)[number], digits: string): boolean {
  const prefix = digits.slice(0, from.length);
  return prefix >= from && prefix <= to && lengths.includes(digits.length);
}
