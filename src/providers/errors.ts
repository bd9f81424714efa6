import { isObject } from '../core/canonical.ts';
import { type ErrorCode, RatchetError, isErrno } from '../core/errors.ts';

/** What an error message may say about the provider that caused it. */
export interface VendorContext {
  provider: string;
  baseUrl: string;
  /** What to do when nothing answers at `baseUrl`. */
  startHint: string;
  /** What to do when the key is missing or refused. */
  keyHint: string;
  /** What to do when the model is unknown to the provider. */
  modelHint: (model: string) => string;
  /** The model that was asked for, when there is one. */
  model?: string;
  /** The key in use, so that it can be taken out of what the vendor says. */
  secret?: string | undefined;
}

const unreachable = [
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
  'UND_ERR_CONNECT_TIMEOUT',
];
const silent = ['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'];
const passedOn = [400, 404, 409, 413, 415, 422];

/** An error thrown by the connection, or while the body is read, as ours. */
export function connectionError(error: unknown, context: VendorContext, signal: AbortSignal): RatchetError {
  if (error instanceof RatchetError) return error;
  const where = `${context.provider} at ${context.baseUrl}`;
  const options = { cause: error, details: { provider: context.provider } };
  if (signal.aborted) {
    if (isNamed(signal.reason, 'TimeoutError')) {
      return new RatchetError('ProviderUnavailable', `${where} did not answer in time: ${context.startHint}.`, options);
    }
    return new RatchetError('Cancelled', `The call to ${context.provider} was cancelled.`, options);
  }
  if (unreachable.some((code) => isErrno(error, code))) {
    return new RatchetError('ProviderUnavailable', `${where} does not answer: ${context.startHint}.`, options);
  }
  if (silent.some((code) => isErrno(error, code))) {
    const message = `${where} has sent nothing for too long, so it was cut off: send it again.`;
    return new RatchetError('ProviderUnavailable', message, options);
  }
  const reason = redact(error instanceof Error ? error.message : String(error), context.secret);
  return new RatchetError(
    'ProviderUnavailable',
    `The connection to ${where} broke (${reason}): send it again.`,
    options,
  );
}

/** An answer whose status is not 2xx as an error of ours. `Retry-After` is kept in `details.retryAfter`. */
export function statusError(
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
  context: VendorContext,
): RatchetError {
  const said = redact(vendorMessage(text), context.secret);
  const code = codeOf(status, said);
  const retryAfter = headers['retry-after'];
  const details = {
    provider: context.provider,
    providerStatus: status,
    ...(retryAfter !== undefined && { retryAfter }),
    ...(passedOn.includes(status) && code === 'ProviderRejected' && { httpStatus: status }),
  };
  return new RatchetError(code, sentence(status, code, said, context), { details });
}

/** An answer that is not what the wire format says. */
export function malformedError(problem: string, context: VendorContext, cause?: unknown): RatchetError {
  const message = `${context.provider} at ${context.baseUrl} ${problem}: check that it speaks the OpenAI wire format.`;
  return new RatchetError('ProviderUnavailable', message, { cause, details: { provider: context.provider } });
}

/** Takes keys out of a text that a vendor wrote. */
export function redact(text: string, secret?: string): string {
  const known = secret ? text.replaceAll(secret, '[key]') : text;
  return known
    .replace(/\b(?:sk|gsk|hf|xai|pk|rk)[-_][A-Za-z0-9_*-]{6,}/g, '[key]')
    .replace(/(Bearer\s+)[^\s,;"']+/gi, '$1[key]');
}

/** What a vendor's error body says, whichever of the usual shapes it has. */
export function vendorMessage(text: string): string {
  const parsed = parseJson(text);
  const candidates = isObject(parsed)
    ? [isObject(parsed.error) ? parsed.error.message : parsed.error, parsed.message, parsed.detail]
    : [];
  const found = candidates.find((candidate) => typeof candidate === 'string' && candidate !== '');
  const said = typeof found === 'string' ? found : text;
  return said.replace(/\s+/g, ' ').trim().slice(0, 500);
}

function codeOf(status: number, said: string): ErrorCode {
  if (status === 429) return 'RateLimited';
  if (/out of memory|requires more (system|gpu|video)? ?memory/i.test(said)) return 'OutOfMemory';
  if (status === 404 && /model|deployment|not found/i.test(said)) return 'NotFound';
  if (status === 408 || status >= 500) return 'ProviderUnavailable';
  return 'ProviderRejected';
}

function sentence(status: number, code: ErrorCode, said: string, context: VendorContext): string {
  const { provider, model } = context;
  if (status === 401 || status === 403)
    return `${provider} refused the API key (status ${status}): ${context.keyHint}.`;
  const reason = said === '' ? '' : `: ${said}`;
  if (code === 'NotFound' && model !== undefined) {
    return `${provider} has no model "${model}": ${context.modelHint(model)}.`;
  }
  if (code === 'RateLimited') return `${provider} limits the rate of calls (status ${status})${reason}`;
  return `${provider} answered with status ${status}${reason}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isNamed(value: unknown, name: string): boolean {
  return value instanceof Error && value.name === name;
}
