import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, RatchetError } from '../../core/errors.ts';
import { backOff, helpsElsewhere, isPassing, isProvidersFault, isRefusedConnection, toldToWait } from './faults.ts';
import { readDeadline } from './deadline.ts';

const failure = (code: ErrorCode, details: object = {}, cause?: unknown) =>
  new RatchetError(code, 'It failed.', { details: { ...details }, cause });

describe('what is tried again, and where', () => {
  test.each<[string, RatchetError, { again: boolean; elsewhere: boolean; fault: boolean }]>([
    ['a connection that broke', failure('ProviderUnavailable'), { again: true, elsewhere: true, fault: true }],
    ['408', failure('ProviderUnavailable', { providerStatus: 408 }), { again: true, elsewhere: true, fault: true }],
    ['409', failure('ProviderRejected', { providerStatus: 409 }), { again: true, elsewhere: false, fault: false }],
    ['429', failure('RateLimited', { providerStatus: 429 }), { again: true, elsewhere: true, fault: false }],
    ['500', failure('ProviderUnavailable', { providerStatus: 500 }), { again: true, elsewhere: true, fault: true }],
    ['503', failure('ProviderUnavailable', { providerStatus: 503 }), { again: true, elsewhere: true, fault: true }],
    ['529', failure('ProviderUnavailable', { providerStatus: 529 }), { again: true, elsewhere: true, fault: true }],
    ['501', failure('ProviderUnavailable', { providerStatus: 501 }), { again: false, elsewhere: true, fault: true }],
    ['no memory', failure('OutOfMemory', { providerStatus: 500 }), { again: false, elsewhere: true, fault: true }],
    ['too slow', failure('ProviderUnavailable', { late: true }), { again: false, elsewhere: true, fault: true }],
    [
      'a bad request',
      failure('ProviderRejected', { providerStatus: 400 }),
      { again: false, elsewhere: false, fault: false },
    ],
    [
      'a wrong key',
      failure('ProviderRejected', { providerStatus: 401 }),
      { again: false, elsewhere: false, fault: false },
    ],
    ['no such model', failure('NotFound', { providerStatus: 404 }), { again: false, elsewhere: false, fault: false }],
    ['a client that left', failure('Cancelled'), { again: false, elsewhere: false, fault: false }],
    [
      "the caller's deadline",
      failure('ProviderUnavailable', { deadline: true }),
      { again: true, elsewhere: true, fault: false },
    ],
  ])('%s', (_name, error, expected) => {
    const found = { again: isPassing(error), elsewhere: helpsElsewhere(error), fault: isProvidersFault(error) };
    expect(found).toEqual(expected);
  });

  test('nobody listens: found at any depth', () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    expect(isRefusedConnection(failure('ProviderUnavailable', {}, new Error('fetch', { cause: refused })))).toBe(true);
    expect(isRefusedConnection(failure('ProviderUnavailable', {}, new Error('reset')))).toBe(false);
  });
});

describe('how long', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  test.each<[object, number | null]>([
    [{ retryAfter: '2' }, 2_000],
    [{ retryAfter: '0.5' }, 500],
    [{ retryAfter: 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000],
    [{ retryAfter: 'Wed, 31 Dec 2025 23:00:00 GMT' }, 0],
    [{ retryAfterMs: '250', retryAfter: '1' }, 250],
    [{ retryAfterMs: 40 }, 40],
    [{ retryAfter: '-1' }, null],
    [{ retryAfter: 'soon' }, null],
    [{ retryAfter: '' }, null],
    [{}, null],
  ])('the provider said %o', (details, expected) => {
    expect(toldToWait(failure('RateLimited', details), now)).toBe(expected);
  });

  test('waits grow, are bounded, and differ', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.double({ min: 0, max: 1, noNaN: true }), (before, drawn) => {
        const wait = backOff(before, () => drawn);
        expect(wait).toBeGreaterThanOrEqual(125);
        expect(wait).toBeLessThanOrEqual(8_000);
        expect(backOff(before + 1, () => drawn)).toBeGreaterThanOrEqual(wait);
      }),
    );
    expect(backOff(3, () => 0)).not.toBe(backOff(3, () => 0.9));
  });
});

describe('the caller waits', () => {
  test.each<[string | undefined, string | undefined, object | null]>([
    ['30', undefined, { ms: 30_000, of: 'answer' }],
    ['1.5s', '600', { ms: 1_500, of: 'answer' }],
    [' 250ms ', undefined, { ms: 250, of: 'answer' }],
    [undefined, '600', { ms: 600_000, of: 'begin' }],
    [undefined, 'NaN', null],
    [undefined, '0', null],
    [undefined, undefined, null],
  ])('x-ratchet-timeout %s, x-stainless-timeout %s', (own, sdk, expected) => {
    const found = readDeadline(own, sdk);
    if (expected === null) expect(found).toBeNull();
    else expect(found).toMatchObject(expected);
  });

  test.each(['', '0', '-1', 'soon', '1h', '1e9', '99999999'])('not "%s"', (own) => {
    expect(() => readDeadline(own, undefined)).toThrow(/^x-ratchet-timeout must be the seconds that you wait/);
  });
});
