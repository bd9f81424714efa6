import { isCalledPhone, isIdentifier } from './context.ts';
import { type Found, type Hints, type Region, wordChars, wordStart } from './kind.ts';
import { internationalNumber, nationalNumber } from './phone-numbers.ts';
import { type Shape, isOtherNumber, isTimestamp, northAmerican, shapeOf } from './phone-shape.ts';

/** Where an international number begins: not in a sum. */
export const plus = String.raw`(?<![${wordChars}\)\]])\+ ?\(?`;
const noPlus = String.raw`${wordStart}(?<![${wordChars}][./\\-]|[.+#$€£¥@]|\d,(?=\d{3}(?!\d)))\(?`;
const between = String.raw`(?: ?\(|\)(?: ?[-/.])? ?|[ \u00a0]?[-/‐–][ \u00a0]?|[ \u00a0.])`;
/** Runs of digits with what people put between them; a plus sign begins a new one, and an extension may follow. */
const runs = new RegExp(
  String.raw`(?:${plus}|${noPlus})\d+(?:${between}\d+)*(?!(?!x\d)[${wordChars}]|,\d{1,2}(?!\d))`,
  'gu',
);
const extension = /^ ?(?:x|ext\.?|extension|poste|Durchwahl) ?(\d{1,6})(?!\d)/iu;

/** Countries that a number is tried for when only the words before it say that it is a phone number. */
const commonRegions: readonly Region[] = ['US', 'GB', 'DE', 'FR', 'ES', 'IT', 'NL', 'BR', 'JP', 'IN', 'MX', 'PL'];

const fewestDigits = 7;
const mostDigits = 17;
/** A phone number has no more groups than this; it bounds the work on long tables of numbers. */
const mostGroups = 8;

/**
 * Phone numbers: international ones, and national ones where a region is known, or where the words before it or the form
 * `(NNN) NNN-NNNN` say it. The key is E.164 with the extension.
 */
export function findPhones(text: string, hints: Hints): Found[] {
  const found: Found[] = [];
  for (const { 0: run, index } of text.matchAll(runs)) {
    if (run.length >= fewestDigits) found.push(...phonesIn({ text, index, hints }, run));
  }
  return found;
}

interface Place {
  text: string;
  /** Where the run begins. */
  index: number;
  hints: Hints;
}

/** Takes the longest phone number at the front of the run, and goes on behind it. */
function phonesIn(place: Place, run: string): Found[] {
  const groups = groupsOf(run);
  const found: Found[] = [];
  for (let first = 0; first < groups.length; first++) {
    const phone = longestFrom(place, groups, first);
    if (phone === null) continue;
    found.push(phone.found);
    first = phone.last;
  }
  return found;
}

interface Group {
  /** With the plus sign or bracket before the digits. */
  start: number;
  end: number;
  digits: number;
  /** Whether a number may begin here, or end here: what is joined by hyphens or dots is one thing. */
  first: boolean;
  last: boolean;
  /** Whether another number stands behind it: `030 123456 / 0171 123456`. */
  another: boolean;
}

function groupsOf(run: string): Group[] {
  return [...run.matchAll(/[+(][ (]?\d+|\d+/g)].map(({ 0: written, index }) => {
    const end = index + written.length;
    return {
      start: index,
      end,
      digits: written.replace(/\D/g, '').length,
      first: index === 0 || /[ \u00a0/]/.test(run.slice(index - 1, index + 1)),
      last: end === run.length || /^\)?[ \u00a0/]/.test(run.slice(end, end + 2)),
      another: /^ ?\/ ?[0(]/.test(run.slice(end, end + 4)),
    };
  });
}

function longestFrom(place: Place, groups: readonly Group[], first: number): { found: Found; last: number } | null {
  const from = groups[first];
  if (from?.first !== true) return null;
  const start = place.index + from.start;
  const begun = { ...place, start, called: isCalledPhone(place.text, start), other: isIdentifier(place.text, start) };
  const candidates = upToAnother(groups.slice(first, first + mostGroups));
  for (let size = candidates.length; size > 0; size--) {
    const to = candidates[size - 1];
    if (to?.last !== true) continue;
    const digits = candidates.slice(0, size).reduce((sum, group) => sum + group.digits, 0);
    if (digits < fewestDigits) return null;
    const found = digits > mostDigits ? null : phoneAt(begun, place.index + to.end);
    if (found !== null) return { found, last: first + size - 1 };
  }
  return null;
}

function upToAnother(groups: readonly Group[]): readonly Group[] {
  const last = groups.findIndex(({ another }) => another);
  return last === -1 ? groups : groups.slice(0, last + 1);
}

interface Begun extends Place {
  start: number;
  /** Whether the words before say that it is a phone number, or something else. */
  called: boolean;
  other: boolean;
}

function phoneAt(begun: Begun, end: number): Found | null {
  const { text, start } = begun;
  const shape = shapeOf(text.slice(start, end));
  const before = text.slice(Math.max(0, start - 5), start);
  if (isOtherNumber(shape, before, text.slice(end, end + 8))) return null;
  const number = readNumber(shape, begun);
  if (number === null) return null;
  const more = extension.exec(text.slice(end, end + 20));
  if (more === null) return { start, end, key: number.number };
  return { start, end: end + more[0].length, key: `${number.number}x${more[1]}` };
}

function readNumber(shape: Shape, { index, start, hints, called, other }: Begun) {
  if (shape.written.startsWith('+')) return internationalNumber(shape, false);
  if (!called && (other || isTimestamp(shape))) return null;
  const abroad = shape.digits.startsWith('00') ? internationalNumber(shape, start > index) : null;
  if (abroad !== null) return abroad;
  const known = nationalNumber({ shape, regions: hints.regions, trust: called ? 'called' : 'plain' });
  if (known !== null) return known;
  if (called) return nationalNumber({ shape, regions: commonRegions, trust: 'doubtful' });
  return northAmerican.test(shape.written) ? nationalNumber({ shape, regions: ['US'], trust: 'doubtful' }) : null;
}
