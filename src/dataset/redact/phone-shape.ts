import { isArticleNumber } from './article-number.ts';

/** How a number is written. */
export interface Shape {
  written: string;
  digits: string;
  groups: readonly string[];
}

export function shapeOf(written: string): Shape {
  const groups = written.match(/\d+/g) ?? [];
  return { written, digits: groups.join(''), groups };
}

const date =
  /(?<!\d)(?:(?:19|20)\d\d([-./])(?:0?[1-9]|1[0-2])\1(?:0?[1-9]|[12]\d|3[01])|(?:0?[1-9]|[12]\d|3[01])([-./])(?:0?[1-9]|[12]\d|3[01])\2(?:19|20)\d\d)(?!\d)/;
const thousands = /^\d{1,3}(?:\.\d{3}){2,}$/;
const dottedQuad = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const isbn = /^97[89]([- ])(?:\d+\1){3}\d$/;
const decimal = /^(?:\d{1,2}|[1-9]\d*)\.\d+$/;
const oneDigit = /^(\d)\1+$/;
/** The ends of 32-bit integers, which every program names; two of them could be numbers of Dallas. */
const integerEnd = /^(?:214748364[78]|429496729[56])$/;
const money = /(?:EUR|USD|GBP|JPY|BRL|[€$£¥])[ \u00a0]?$/;
const unit = /^[ \u00a0]?(?:[€$£¥%円°]|(?:EUR|USD|GBP|JPY|BRL|k[mg]|[cm]m|ms|px|bytes?|[KMG]i?B)(?![A-Za-z]))/;

/** Dates, prices, decimals, quantities, addresses, numbers of books and goods, and rows of one digit are no phone numbers. */
export function isOtherNumber({ written, digits, groups }: Shape, before: string, after: string): boolean {
  if (written.startsWith('+')) return oneDigit.test(digits);
  return (
    [date, thousands, dottedQuad, isbn, decimal].some((pattern) => pattern.test(written)) ||
    oneDigit.test(digits) ||
    isCounting(groups) ||
    integerEnd.test(written) ||
    isArticleNumber(written) ||
    money.test(before) ||
    unit.test(after)
  );
}

/** `30 31 32 33 34`: each number one more than the one before. */
function isCounting(groups: readonly string[]): boolean {
  return groups.length > 2 && groups.every((group, at) => at === 0 || Number(group) === Number(groups[at - 1]) + 1);
}

/** Seconds or milliseconds since 1970, between 2001 and 2033, written in one piece. */
export function isTimestamp({ groups: [first = ''], groups }: Shape): boolean {
  return groups.length === 1 && /^1\d{9}(?:\d{3})?$/.test(first);
}

/** The way North America writes it; `loose` leaves out the separators between the first groups as well. */
export const northAmerican = /^(?:1[-. ])?(?:\([2-9]\d{2}\)[- ]?[2-9]\d{2}[-. ]|([2-9]\d{2})([-. ])[2-9]\d{2}\2)\d{4}$/;

/** Forms that tell a phone number from other numbers where the country is known, even if nobody has that number. */
const national: Readonly<Record<string, RegExp>> = {
  JP: /^\d{2,4}-\d{2,4}-\d{4}$/,
  BR: /^(?:\(\d{2}\)|\d{2}) ?\d{4,5}-\d{4}$/,
  '1': /^(?:1[-. ])?(?:\(\d{3}\)[- ]?\d{3}[-. ]|\d{3}([-. ])\d{3}\1)\d{4}$/,
};

/** Whether a number is written the way this country writes phone numbers. `trunk`: it dials a 0 before the area. */
export function hasNationalForm({ written, digits, groups }: Shape, form: string, trunk: boolean): boolean {
  const first = groups[0]?.length ?? 0;
  if (national[form]?.test(written)) return true;
  if (written.startsWith('(') && groups.length > 1 && first >= 2 && first <= 5) return digits.length >= 8;
  if (!trunk || !digits.startsWith('0') || groups.some(({ length }, at) => length < 2 && at > 0)) return false;
  return digits.length >= 9 && (groups.length === 1 || (first >= 2 && first <= 5));
}
