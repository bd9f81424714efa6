/** How long a provider asks to wait. */
export interface Wait {
  /** As `Retry-After` has it: seconds, or a date. */
  retryAfter?: string;
  /** The same, where it was said more exactly. */
  retryAfterMs?: number;
}

type Headers = Readonly<Record<string, string>>;

/**
 * Reads it from what vendors send: `Retry-After` as it is, `retry-after-ms`, the reset of a limit that is used up
 * (`x-ratelimit-reset-tokens: 7.66s`, `anthropic-ratelimit-tokens-reset: 2026-…`, `x-ratelimit-reset: 1767225600`), or the body.
 * `now` is the time of day in ms.
 */
export function readWait(headers: Headers, bodySeconds: number | null, now: number): Wait {
  const given = headers['retry-after'];
  const exact = Number(headers['retry-after-ms'] ?? Number.NaN);
  if (exact >= 0) return { retryAfter: given ?? seconds(exact), retryAfterMs: exact };
  if (given !== undefined) return { retryAfter: given };
  const ms = bodySeconds === null ? resetMs(headers, now) : bodySeconds * 1_000;
  return ms === null ? {} : { retryAfter: seconds(ms), retryAfterMs: Math.round(ms) };
}

function seconds(ms: number): string {
  return String(Math.ceil(ms / 1_000));
}

const limitNames = [
  ['x-ratelimit-remaining-requests', 'x-ratelimit-reset-requests'],
  ['x-ratelimit-remaining-tokens', 'x-ratelimit-reset-tokens'],
  ['anthropic-ratelimit-requests-remaining', 'anthropic-ratelimit-requests-reset'],
  ['anthropic-ratelimit-tokens-remaining', 'anthropic-ratelimit-tokens-reset'],
  ['anthropic-ratelimit-input-tokens-remaining', 'anthropic-ratelimit-input-tokens-reset'],
  ['anthropic-ratelimit-output-tokens-remaining', 'anthropic-ratelimit-output-tokens-reset'],
  ['x-ratelimit-remaining', 'x-ratelimit-reset'],
] as const;

/** The longest wait among the limits that are used up: all of them have to let the next call through. */
function resetMs(headers: Headers, now: number): number | null {
  const waits = limitNames.flatMap(([remaining, reset]) => {
    const value = headers[reset];
    const isUsedUp = headers[remaining] !== undefined && Number(headers[remaining]) <= 0;
    const ms = isUsedUp && value !== undefined ? untilReset(value, now) : null;
    return ms === null ? [] : [ms];
  });
  return waits.length === 0 ? null : Math.max(...waits);
}

/** A duration (`2m59.56s`, `6ms`), seconds, a time of day in s or ms since 1970, or a date. */
function untilReset(value: string, now: number): number | null {
  const number = Number(value);
  if (value.trim() !== '' && Number.isFinite(number)) {
    if (number > 1e11) return Math.max(0, number - now);
    if (number > 1e9) return Math.max(0, number * 1_000 - now);
    return number >= 0 ? number * 1_000 : null;
  }
  const duration = durationMs(value);
  if (duration !== null) return duration;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

const unitMs: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** A duration as OpenAI and Groq write it, in ms; null when it is none. */
export function durationMs(text: string): number | null {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[dhms]))+$/.test(text)) return null;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g)];
  return parts.reduce((sum, [, count = '0', unit = 's']) => sum + Number(count) * (unitMs[unit] ?? 0), 0);
}
