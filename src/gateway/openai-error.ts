import type { RatchetError } from '../core/errors.ts';

/** An error in the shape that OpenAI's clients know. */
export interface OpenAiError {
  status: number;
  headers: Record<string, string>;
  body: {
    error: {
      message: string;
      type: string;
      param: string | null;
      code: string;
      /** When it is likely to work, as ISO 8601; absent where nobody knows. */
      available_at?: string;
    };
  };
}

/** Builds the answer to a call on `/v1` that failed: status, headers and body. */
export function openAiError(error: RatchetError): OpenAiError {
  const status = httpStatus(error);
  const { param, availableAt } = error.details;
  return {
    status,
    headers: errorHeaders(error),
    body: {
      error: {
        message: error.message,
        type: error.code === 'BudgetSpent' ? 'insufficient_quota' : typeOf(status),
        param: typeof param === 'string' ? param : null,
        code: error.code,
        ...(typeof availableAt === 'string' && { available_at: availableAt }),
      },
    },
  };
}

/** The status of an error: its code's, unless its details name a better one. */
export function httpStatus(error: RatchetError): number {
  const { httpStatus: exact } = error.details;
  return typeof exact === 'number' ? exact : error.traits.status;
}

/** Headers that tell a client when, and whether, to try again, what its limits are, and which completion it was. */
export function errorHeaders(error: RatchetError): Record<string, string> {
  const { retryAfter, completionId, headers } = error.details;
  const status = httpStatus(error);
  return {
    ...(headers as Record<string, string> | undefined),
    ...(typeof retryAfter === 'string' && { 'retry-after': retryAfter }),
    ...(typeof completionId === 'string' && { 'x-ratchet-completion-id': completionId }),
    ...(error.code === 'Unauthorized' && status === 401 && { 'www-authenticate': 'Bearer' }),
    // OpenAI's clients repeat every 429 and 5xx unless told not to.
    ...((status >= 500 || status === 429) && error.traits.onStep === 'park' && { 'x-should-retry': 'false' }),
  };
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  // LiteLLM takes `invalid_request_error` for a 400, whatever the status is.
  if (status === 404) return 'not_found_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}
