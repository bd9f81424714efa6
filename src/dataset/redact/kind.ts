import type { CountryCode } from 'libphonenumber-js/max';

/** What can be redacted, the most specific first: where two kinds see the same characters, the earlier one has them. */
export const redactionKinds = ['secret', 'iban', 'card', 'email', 'ip', 'phone'] as const;
export type RedactionKind = (typeof redactionKinds)[number];

/** A country as ISO 3166-1 alpha-2 names it. */
export type Region = CountryCode;

/** A part of a text, from `start` up to but without `end`, in UTF-16 code units. */
export interface Found {
  start: number;
  end: number;
  /** The value in its normal form: equal for two ways to write one value. It never leaves the redactor. */
  key: string;
}

/** What is known beside the text. */
export interface Hints {
  /** Countries whose national phone numbers are looked for. */
  regions: readonly Region[];
}

/** Finds everything of one kind. The parts do not overlap and stand in order. */
export type Detector = (text: string, hints: Hints) => Found[];

/** What words of scripts that put spaces between them are made of; a number may touch kana and ideographs. */
export const wordChars = String.raw`\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{N}_`;

/** Where a value may begin: not inside a word, but right behind an escape such as `\n` in the source of a program. */
export const wordStart = String.raw`(?:(?<![${wordChars}])|(?<=(?<!\\)\\[nrt]))`;

/** The parts in order, without those that begin inside one before them. */
export function withoutOverlaps<F extends Found>(found: readonly F[]): F[] {
  const inOrder = [...found].sort((a, b) => a.start - b.start || b.end - a.end);
  let past = 0;
  return inOrder.filter(({ start, end }) => {
    if (start < past) return false;
    past = end;
    return true;
  });
}
