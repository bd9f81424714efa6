import type { Hook } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { Logger } from 'pino';
import type { ZodError } from 'zod';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import { errorHeaders, httpStatus, openAiError } from '../gateway/openai-error.ts';
import type { AppEnv } from './context.ts';

/** RFC 9457 problem details, with our code and what to do. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  advice: string;
  /** Id of the request, which the log has too. */
  instance: string;
  /** What a program can do instead, where there is something. */
  proposal?: unknown;
}

/** The answer to a request that failed: the OpenAI shape on `/v1`, problem details elsewhere. */
export function errorResponse(context: Context<AppEnv>, thrown: unknown, log: Logger): Response {
  const error = fromThrown(thrown);
  const requestId = context.get('requestId');
  if (httpStatus(error) >= 500) {
    log.error(
      { request: requestId, code: error.code, err: error.code === 'Bug' ? error.cause : undefined },
      error.message,
    );
  }
  if (context.req.path.startsWith('/v1/')) {
    const { status, headers, body } = openAiError(error);
    return Response.json(body, { status, headers: { ...headers, 'x-request-id': requestId } });
  }
  const headers = { ...errorHeaders(error), 'content-type': 'application/problem+json', 'x-request-id': requestId };
  return new Response(JSON.stringify(problemOf(error, requestId)), { status: httpStatus(error), headers });
}

/** Turns a failed check of a parameter or body into InvalidInput that names each fault. */
export const refuseInvalid: Hook<unknown, AppEnv, string, unknown> = (result) => {
  if (!result.success) throw invalidInput(result.error);
};

/** The faults that zod found, as one sentence. */
function invalidInput(error: Pick<ZodError, 'issues'>): RatchetError {
  const faults = error.issues.map((issue) => {
    // A key that is wrong itself has its reason one level down.
    const said = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
    return issue.path.length > 0 ? `${issue.path.join('.')}: ${said}` : said;
  });
  const param = error.issues[0]?.path.join('.') ?? null;
  return new RatchetError('InvalidInput', `Correct the request: ${faults.join('; ')}.`, { details: { param } });
}

function fromThrown(thrown: unknown): RatchetError {
  if (!(thrown instanceof HTTPException)) return asRatchetError(thrown);
  const code = thrown.status < 500 ? 'InvalidInput' : 'Bug';
  const said = thrown.message || 'The request could not be read';
  return new RatchetError(code, `${said}: check its body and headers.`, {
    cause: thrown,
    details: { httpStatus: thrown.status },
  });
}

function problemOf(error: RatchetError, requestId: string): Problem {
  return {
    type: `urn:ratchet:error:${error.code}`,
    title: error.code.replace(/(?<=[a-z])(?=[A-Z])/g, ' '),
    status: httpStatus(error),
    detail: error.message,
    code: error.code,
    advice: error.traits.advice,
    instance: `urn:ratchet:request:${requestId}`,
    ...('proposal' in error.details && { proposal: error.details.proposal }),
  };
}
