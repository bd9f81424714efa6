// TypeScript's library does not know it yet; every Node that runs this does.
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/**
 * JSON text of a value, such that {@link decodeJson} gives a deep-equal one: `JSON.stringify`, but −0 stays −0. NUL and
 * lone surrogates come out escaped, so any text column of either database can hold the result.
 */
export function encodeJson(value: unknown): string {
  return hasNegativeZero(value) ? JSON.stringify(value, keepNegativeZero) : JSON.stringify(value);
}

/** The value of a JSON text that {@link encodeJson} wrote. */
export function decodeJson<T>(text: string): T {
  return JSON.parse(text) as T;
}

/** {@link encodeJson}, where `null` stays SQL's NULL. */
export function encodeNullable(value: unknown): string | null {
  return value === null || value === undefined ? null : encodeJson(value);
}

/** {@link decodeJson}, where SQL's NULL is `null`. */
export function decodeNullable<T>(text: string | null): T | null {
  return text === null ? null : decodeJson<T>(text);
}

function keepNegativeZero(_key: string, value: unknown): unknown {
  return Object.is(value, -0) ? rawJSON('-0') : value;
}

function hasNegativeZero(value: unknown): boolean {
  if (typeof value === 'number') return Object.is(value, -0);
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(hasNegativeZero);
}
