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
export function isRepetitive(answer: string, words: Words, { min_words, leniency }: RepetitionLimits): boolean {
  if (words.ids.length < min_words) return false;
  if (lineShare(answer) > repeatedLines * leniency) return true;
  const fenced = answer.includes('```') || answer.includes('~~~');
  const prose = fenced ? numberWords(answer.replace(fences, ' ')) : words;
  if (prose.ids.length < min_words) return false;
  const pairs = countPairs(prose);
  return isOverTop(prose, pairs, leniency) || (pairs.inRow >= 4 && isOverRepeated(prose, leniency));
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

/**
 * How often the most frequent pair of words stands there, and how many pairs in a row had occurred before. Every answer is
 * counted so, and nothing else for most: a table with open addressing takes half the time of a Map.
 */
function countPairs({ ids }: Words): { most: number; inRow: number } {
  const slots = 2 ** Math.ceil(Math.log2(ids.length * 2 + 1));
  const pairs = new Float64Array(slots).fill(-1);
  const counts = new Uint32Array(slots);
  let [most, inRow, row] = [0, 0, 0];
  for (let at = 1; at < ids.length; at++) {
    const [first, second] = [ids[at - 1] ?? 0, ids[at] ?? 0];
    const pair = first * ids.length + second;
    let slot = (Math.imul(first, 0x9e_37_79_b1) ^ Math.imul(second, 0x85_eb_ca_6b)) & (slots - 1);
    while (pairs[slot] !== pair && pairs[slot] !== -1) slot = (slot + 1) & (slots - 1);
    pairs[slot] = pair;
    const count = (counts[slot] ?? 0) + 1;
    counts[slot] = count;
    if (count > most) most = count;
    row = count > 1 ? row + 1 : 0;
    if (row > inRow) inRow = row;
  }
  return { most, inRow };
}

/**
 * An n-gram is no more frequent than the pairs inside it, and one that stands twice has n - 1 pairs in a row that stood there
 * before: mostly that tells that nothing can be over.
 */
function isOverTop(words: Words, { most, inRow }: ReturnType<typeof countPairs>, leniency: number): boolean {
  const total = charactersOf(words);
  return topShares.some(([n, share]) => {
    const limit = share * leniency * total;
    if (inRow < n - 1 || most * widestRun(words, n) <= limit) return false;
    const top = topGram(words, n);
    return top.count > 1 && top.count * top.characters > limit;
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
  let sum = 0;
  for (const length of lengths) sum += length;
  return sum;
}

function widestRun({ lengths }: Words, n: number): number {
  let widest = 0;
  let run = 0;
  for (let at = 0; at < lengths.length; at++) {
    run += (lengths[at] ?? 0) - (lengths[at - n] ?? 0);
    if (run > widest) widest = run;
  }
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
