import { RatchetError, isErrno } from '../core/errors.ts';
import { type FaultReason, faultCodes, faultOf } from './fault.ts';
import { readWait } from './retry-after.ts';
import { readVendorError } from './vendor-error.ts';

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

/**
 * An answer whose status is not 2xx as an error of ours. Its details say what it means (`reason`), and how long to wait
 * (`retryAfter`, `retryAfterMs`) where the provider said it. `lasting`: the same call fails again, however long one waits.
 */
export function statusError(
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
  context: VendorContext,
): RatchetError {
  const told = readVendorError(text);
  const said = redact(told.message, context.secret);
  const reason = faultOf(status, told);
  const code = faultCodes[reason];
  const details = {
    provider: context.provider,
    providerStatus: status,
    reason,
    ...readWait(headers, told.waitSeconds, Date.now()),
    ...(reason === 'quota' && { lasting: true, headers: { 'x-should-retry': 'false' } }),
    ...ownStatus(status, reason),
  };
  return new RatchetError(code, sentence(status, reason, said, context), { details });
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
  return readVendorError(text).message;
}

/** The client's status, where it is another than the code's. A provider's key is ours: its refusal is not the client's. */
function ownStatus(status: number, reason: FaultReason): { httpStatus?: number } {
  if (reason === 'context_length' || reason === 'content_filter') return { httpStatus: status < 500 ? status : 400 };
  if (reason === 'loading') return { httpStatus: 503 };
  return reason === 'rejected' && passedOn.includes(status) ? { httpStatus: status } : {};
}

function sentence(status: number, reason: FaultReason, said: string, context: VendorContext): string {
  const { provider, model } = context;
  const because = said === '' ? '' : ` (${said})`;
  const plain = `${provider} answered with status ${status}${said === '' ? '' : `: ${said}`}`;
  switch (reason) {
    case 'auth':
      return `${provider} refused the API key (status ${status}): ${context.keyHint}.`;
    case 'model':
      return model === undefined ? plain : `${provider} has no model "${model}": ${context.modelHint(model)}.`;
    case 'rate':
      return `${provider} limits the rate of calls (status ${status})${said === '' ? '' : `: ${said}`}`;
    case 'quota':
      return `${provider} gives this account no more${because}: look at its plan and its balance there.`;
    case 'context_length':
      return `${provider} takes no chat as long as this${because}: send less of it, or ask a model with a longer context.`;
    case 'content_filter':
      return `${provider} refused the text by its rules for content${because}: change the text, or ask another model.`;
    case 'loading':
      return `${provider} is still loading the model${because}: send it again in a moment.`;
    case 'memory':
    case 'unavailable':
    case 'rejected':
  }
  return plain;
}

function isNamed(value: unknown, name: string): boolean {
  return value instanceof Error && value.name === name;
}
