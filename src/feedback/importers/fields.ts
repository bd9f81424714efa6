import { createHash } from 'node:crypto';
import { type Json, type JsonObject, canonicalJson, isObject } from '../../core/canonical.ts';
import type { ImportedFeedback } from './types.ts';

// Fields of other products: what is of another type than it should be is not there.

/** A text that says something. */
export function textIn(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

/** An object, empty where there is none. */
export function objectIn(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** A list, empty where there is none. */
export function listIn(value: unknown): Json[] {
  return Array.isArray(value) ? value : [];
}

/** A count of tokens. */
export function countIn(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** A time, in milliseconds: ISO 8601, or seconds or milliseconds since 1970, which are told apart by their size. */
export function timeIn(value: unknown): number | null {
  if (typeof value === 'string') return inRange(Date.parse(value));
  if (typeof value !== 'number') return null;
  return inRange(Math.floor(value < 1e11 ? value * 1000 : value));
}

function inRange(time: number): number | null {
  return time > 0 && time < 1e14 ? time : null;
}

/** A place on a scale as a share in [0, 1]: its lowest is 0, its highest 1. Nothing for what is not on it. */
export function shareOf(value: unknown, lowest: number, highest: number): number | undefined {
  if (typeof value !== 'number' || !(value >= lowest && value <= highest)) return undefined;
  return (value - lowest) / (highest - lowest);
}

/** What was said beside a rating: short words are tags, the rest is the comment. */
export function remarks(
  words: readonly unknown[],
  ...said: readonly unknown[]
): Pick<ImportedFeedback, 'tags' | 'comment'> {
  const texts = words.flatMap((word) => textIn(word)?.trim() ?? []);
  const tags = [...new Set(texts.filter((text) => text.length <= longestTag))].slice(0, mostTags);
  const sentences = [
    ...texts.filter((text) => text.length > longestTag),
    ...said.flatMap((one) => textIn(one)?.trim() ?? []),
  ];
  const comment = sentences.join('\n').slice(0, longestComment);
  return { ...(tags.length > 0 && { tags }), ...(comment !== '' && { comment }) };
}

const longestTag = 64;
const mostTags = 20;
const longestComment = 10_000;

/** A name of somebody, where it can be one. */
export function raterIn(value: unknown): Pick<ImportedFeedback, 'rater'> {
  const rater = textIn(value);
  return rater === undefined || rater.length > 100 ? {} : { rater };
}

/** What names an event: the product's own id with what is said, so that something else said later is another event. */
export function eventId(id: string, said: ImportedFeedback): string {
  const digest = createHash('sha256').update(canonicalJson(said)).digest('hex').slice(0, 16);
  return `${id.slice(0, 200)} ${digest}`;
}
