import type { RatchetError } from '../../core/errors.ts';

/** What the same provider may well answer a moment later; 409 is how some say that they are busy with the same. */
const passingStatuses: readonly number[] = [408, 409, 425, 429, 500, 502, 503, 504, 529];
const elsewhere: readonly string[] = ['ProviderUnavailable', 'RateLimited', 'OutOfMemory', 'GpuBusy'];
const failing: readonly string[] = ['ProviderUnavailable', 'OutOfMemory'];

/** Whether another model may answer where this one failed: never where the request itself was refused. */
export function helpsElsewhere({ code }: RatchetError): boolean {
  return elsewhere.includes(code);
}

/** Whether the same call may be answered if it is sent again. */
export function isPassing(error: RatchetError): boolean {
  const { providerStatus, late, lasting } = error.details;
  // A model that was slow to begin is slow again, and a quota that is used up comes back with money.
  if (late === true || lasting === true || error.code === 'OutOfMemory') return false;
  if (typeof providerStatus === 'number') return passingStatuses.includes(providerStatus);
  return error.code === 'ProviderUnavailable' || error.code === 'RateLimited';
}

/** Whether it says that the provider is in trouble, in place of the request, the caller, or us. */
export function isProvidersFault({ code, details }: RatchetError): boolean {
  return failing.includes(code) && details.deadline !== true;
}

/** Whether nobody listens there, which is found out at once and costs nothing. */
export function isRefusedConnection(error: RatchetError): boolean {
  for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'ECONNREFUSED') return true;
  }
  return false;
}

/** How long the provider said to wait, in ms from `now`, a time of day in ms; null when it said nothing that can be read. */
export function toldToWait({ details }: RatchetError, now: number): number | null {
  const { retryAfterMs, retryAfter } = details;
  const exact = Number(retryAfterMs ?? Number.NaN);
  if (Number.isFinite(exact) && exact >= 0) return exact;
  if (typeof retryAfter !== 'string' || retryAfter.trim() === '') return null;
  const seconds = Number(retryAfter);
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1_000 : null;
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

const firstMs = 250;
const longestMs = 8_000;

/** How long to wait before a try, in ms: twice as long each time, and never the same for two that failed together. */
export function backOff(triesBefore: number, random: () => number): number {
  return Math.min(longestMs, firstMs * 2 ** triesBefore) * (0.5 + random() / 2);
}
