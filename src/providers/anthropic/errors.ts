import { type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { type VendorContext, statusError } from '../errors.ts';

/** The status that each type of error has when it comes as an answer. */
const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** An error that the service reports in the middle of a stream. */
export function reportedError(event: JsonObject, context: VendorContext): RatchetError {
  const type = isObject(event.error) ? event.error.type : undefined;
  const status = typeof type === 'string' ? statuses[type] : undefined;
  return statusError(status ?? 500, {}, JSON.stringify(event), context);
}

/** ProviderUnavailable for what is not of the Messages API. */
export function notMessages(problem: string, { provider, baseUrl }: VendorContext, cause?: unknown): RatchetError {
  const message = `${provider} at ${baseUrl} ${problem}: check that it speaks Anthropic's Messages API.`;
  return new RatchetError('ProviderUnavailable', message, { cause, details: { provider } });
}
