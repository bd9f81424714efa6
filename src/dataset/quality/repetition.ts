import type { RepetitionLimits } from './types.ts';
import { type Words, numberWords } from './words.ts';

/**
 * Largest shares of a text's characters, from "Scaling Language Models" (Rae et al., 2021, arXiv:2112.11446), table A1: in
 * the n-gram that takes most of it, and in n-grams of words that occurred before.
 */
const topShares: readonly [n: number, share: number][] = [
  [2, 0.2],
  [3, 0.18],
  [4, 0.16],
];
const repeatedShares: readonly [n: number, share: number][] = [
  [5, 0.15],
  [6, 0.14],
  [7, 0.13],
  [8, 0.12],
  [9, 0.11],
  [10, 0.1],
];
/** Share of characters in lines that occurred before; the same table. */
const repeatedLines = 0.2;
/** Brackets and tags of code repeat by their nature; such short lines do not count. */
const shortLine = 20;

const fences = /^(?:```|~~~)[\s\S]*?^(?:```|~~~)/gm;

/** Whether an answer says the same again and again. Words inside code fences do not count, whole lines do. */
export function isRepetitive(answer: string, { min_words, leniency }: RepetitionLimits): boolean {
  if (lineShare(answer) > repeatedLines * leniency && numberWords(answer).ids.length >= min_words) return true;
  const prose = answer.includes('```') || answer.includes('~~~') ? answer.replace(fences, ' ') : answer;
  const words = numberWords(prose);
  if (words.ids.length < min_words) return false;
  return isOverTop(words, leniency) || isOverRepeated(words, leniency);
}

function lineShare(text: string): number {
  const seen = new Set<string>();
  let repeated = 0;
  for (const line of text.split('\n')) {
    const clean = line.trim();
    if (clean.length < shortLine) continue;
    if (seen.has(clean)) repeated += clean.length;
    seen.add(clean);
  }
  return repeated / Math.max(1, text.length);
}

/** A longer n-gram is no more frequent than the most frequent pair inside it, so that pairs tell when nothing can be over. */
function isOverTop(words: Words, leniency: number): boolean {
  const total = charactersOf(words);
  const [, longest] = topShares.at(-1) ?? [];
  const pair = topGram(words, 2);
  const widest = widestRun(words, topShares.at(-1)?.[0] ?? 0);
  if (pair.count * widest <= (longest ?? 0) * leniency * total) return false;
  return topShares.some(([n, share]) => {
    const top = n === 2 ? pair : topGram(words, n);
    return top.count > 1 && top.count * top.characters > share * leniency * total;
  });
}

function isOverRepeated(words: Words, leniency: number): boolean {
  const total = charactersOf(words);
  for (const [n, share] of repeatedShares) {
    const repeated = repeatedCharacters(words, n);
    if (repeated > share * leniency * total) return true;
    // Where no five words stand twice, no six do.
    if (repeated === 0) return false;
  }
  return false;
}

function charactersOf({ lengths }: Words): number {
  return lengths.reduce((sum, length) => sum + length, 0);
}

function widestRun({ lengths }: Words, n: number): number {
  let widest = 0;
  let run = 0;
  lengths.forEach((length, at) => {
    run += length - (lengths[at - n] ?? 0);
    widest = Math.max(widest, run);
  });
  return widest;
}

function topGram(words: Words, n: number): { count: number; characters: number } {
  const counts = new Map<number, { at: number; count: number }>();
  let top = { at: 0, count: 0 };
  eachGram(words, n, (key, at) => {
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { at, count: 1 });
    else if (++known.count > top.count) top = known;
  });
  return { count: Math.max(1, top.count), characters: runLength(words, top.at, n) };
}

/** Characters of n-grams that occurred before, each counted once: after a repeated one it goes on behind it. */
function repeatedCharacters(words: Words, n: number): number {
  const seen = new Set<number>();
  let repeated = 0;
  let past = 0;
  eachGram(words, n, (key, at) => {
    if (at < past) return;
    if (seen.has(key)) {
      repeated += runLength(words, at, n);
      past = at + n;
    } else {
      seen.add(key);
    }
  });
  return repeated;
}

function runLength({ lengths }: Words, at: number, n: number): number {
  let length = 0;
  for (let offset = 0; offset < n; offset++) length += lengths[at + offset] ?? 0;
  return length;
}

/** Calls back with a key of every n words in a row: 52 bits of a polynomial, so that two of a text are hardly ever mixed up. */
function eachGram({ ids }: Words, n: number, use: (key: number, at: number) => void): void {
  for (let at = 0; at + n <= ids.length; at++) {
    let low = 7;
    let high = 11;
    for (let offset = 0; offset < n; offset++) {
      const id = ids[at + offset] ?? 0;
      low = Math.imul(low ^ id, 0x01_00_01_93) >>> 0;
      high = Math.imul(high ^ (id + 0x9e37), 0x85_eb_ca_6b) >>> 0;
    }
    use((high & 0xf_ff_ff) * 2 ** 32 + low, at);
  }
}
