import fc from 'fast-check';
import { expect, test } from 'vitest';
import { durationMs, readWait } from './retry-after.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const used = { 'x-ratelimit-remaining-tokens': '0' };

test.each<[Record<string, string>, object]>([
  [{}, {}],
  [{ 'retry-after': '17' }, { retryAfter: '17' }],
  [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, { retryAfter: 'Thu, 01 Jan 2026 00:00:30 GMT' }],
  [{ 'retry-after-ms': '1500' }, { retryAfter: '2', retryAfterMs: 1_500 }],
  [
    { 'retry-after-ms': '1500', 'retry-after': '9' },
    { retryAfter: '9', retryAfterMs: 1_500 },
  ],
  [{ 'retry-after-ms': 'soon' }, {}],
  [
    { ...used, 'x-ratelimit-reset-tokens': '7.66s' },
    { retryAfter: '8', retryAfterMs: 7_660 },
  ],
  [
    { ...used, 'x-ratelimit-reset-tokens': '2m59.56s' },
    { retryAfter: '180', retryAfterMs: 179_560 },
  ],
  [
    { ...used, 'x-ratelimit-reset-tokens': '12' },
    { retryAfter: '12', retryAfterMs: 12_000 },
  ],
  [{ ...used, 'x-ratelimit-reset-tokens': 'whenever' }, {}],
  // A limit that is not used up says nothing about this call.
  [{ 'x-ratelimit-remaining-tokens': '5', 'x-ratelimit-reset-tokens': '60s' }, {}],
  [{ 'x-ratelimit-reset-tokens': '60s' }, {}],
  [
    {
      ...used,
      'x-ratelimit-reset-tokens': '1s',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-reset-requests': '6s',
    },
    { retryAfter: '6', retryAfterMs: 6_000 },
  ],
  [
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1767225610' },
    { retryAfter: '10', retryAfterMs: 10_000 },
  ],
  [
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1767225610500' },
    { retryAfter: '11', retryAfterMs: 10_500 },
  ],
  [
    { 'anthropic-ratelimit-tokens-remaining': '0', 'anthropic-ratelimit-tokens-reset': '2026-01-01T00:00:05Z' },
    { retryAfter: '5', retryAfterMs: 5_000 },
  ],
])('%j', (headers, expected) => {
  expect(readWait(headers, null, now)).toEqual(expected);
});

test('what the body says counts where no header says it', () => {
  expect(readWait({}, 34.4, now)).toEqual({ retryAfter: '35', retryAfterMs: 34_400 });
  expect(readWait({ 'retry-after': '1' }, 34.4, now)).toEqual({ retryAfter: '1' });
});

test('a duration is read as it is written, and nothing else is one', () => {
  const part = (most: number) => fc.nat(most);
  fc.assert(
    fc.property(part(23), part(59), part(59), part(999), (h, m, s, ms) => {
      expect(durationMs(`${h}h${m}m${s}s${ms}ms`)).toBe(((h * 60 + m) * 60 + s) * 1_000 + ms);
    }),
  );
  for (const text of ['', 's', '1', '1x', '1s ', '-1s', '1s2']) expect(durationMs(text)).toBeNull();
});
