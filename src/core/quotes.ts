import { isObject } from './canonical.ts';

/** Knows a text again where it is quoted: the whole of it, or one of its sentences. */
export interface Quotes {
  /** Whether a text quotes something. */
  areIn(text: string): boolean;
  /** The text with dashes in place of what it quotes; as long as it was, in UTF-8 as well. */
  without(text: string): string;
  /** What is looked for, as it stands in plain files and in those of JSON; the longest first. */
  readonly needles: readonly string[];
}

/** A whole text that is shorter says nothing that would be known again. */
const shortestText = 12;
/** A sentence that is shorter may be anybody's. */
const shortestSentence = 24;

/** Creates what knows these texts again. Texts that are too short to be anybody's own are left out. */
export function createQuotes(texts: Iterable<string>): Quotes {
  const pieces = new Set<string>();
  for (const text of texts) {
    const whole = text.trim();
    if (whole.length >= shortestText) pieces.add(whole);
    for (const sentence of sentencesOf(whole)) if (sentence.length >= shortestSentence) pieces.add(sentence);
  }
  const needles = [...new Set([...pieces].flatMap(spellings))].sort(longestFirst);
  return {
    needles,
    areIn: (text) => needles.some((needle) => text.includes(needle)),
    without: (text) => needles.reduce((left, needle) => left.replaceAll(needle, dashes(needle)), text),
  };
}

function sentencesOf(text: string): string[] {
  return text.split(/\n+|(?<=[.!?。！？])\s*/u).map((sentence) => sentence.trim());
}

/** As it is, as JSON writes it, and as Python's JSON does. */
function spellings(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return [text, json, ascii];
}

function dashes(needle: string): string {
  return '-'.repeat(new TextEncoder().encode(needle).length);
}

function longestFirst(a: string, b: string): number {
  return b.length - a.length || (a < b ? -1 : 1);
}

/** A JSON value with every text in it rewritten; names of members stay. */
export function withTexts(value: unknown, rewrite: (text: string) => string): unknown {
  if (typeof value === 'string') return rewrite(value);
  if (Array.isArray(value)) return value.map((item) => withTexts(item, rewrite));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withTexts(item, rewrite)]));
}
