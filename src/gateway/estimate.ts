import type { Json } from '../core/canonical.ts';

/** Bytes of UTF-8 text that a token stands for, on average. */
const bytesPerToken = 4;

/**
 * How many tokens a request or an answer may have had, when its provider does not say: every text in it counts, pictures
 * and sounds do not. Good enough for a limit of tokens per minute; it is never recorded, shown or paid for.
 */
export function estimateTokens(...parts: readonly Json[]): number {
  return Math.ceil(parts.reduce<number>((bytes, part) => bytes + textBytes(part), 0) / bytesPerToken);
}

function textBytes(value: Json | undefined): number {
  if (typeof value === 'string') return value.startsWith('data:') ? 0 : Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null) return 0;
  let bytes = 0;
  for (const part of Array.isArray(value) ? value : Object.values(value)) bytes += textBytes(part);
  return bytes;
}
