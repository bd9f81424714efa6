import type { Json, JsonObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import { type VendorContext, connectionError, malformedError, statusError } from './errors.ts';
import { type HttpAnswer, readBody, sendHttp } from './http.ts';
import type { ProviderAnswer } from './types.ts';

const listLimit = 16 * 2 ** 20;
const errorLimit = 64 * 2 ** 10;
const listTimeoutMs = 5_000;

export interface WireCall {
  url: string;
  context: VendorContext;
  apiKey?: string | undefined;
  signal: AbortSignal;
}

/** Posts a chat completion request and hands the answer's bytes on as they come. */
export async function postChat(call: WireCall, request: JsonObject): Promise<ProviderAnswer> {
  const context = {
    ...call.context,
    secret: call.apiKey,
    ...(typeof request.model === 'string' && { model: request.model }),
  };
  const answer = await exchange({ ...call, context }, JSON.stringify(request));
  return { status: answer.status, headers: answer.headers, body: mappedErrors(answer.body, context, call.signal) };
}

/** Gets a small JSON document, within a few seconds. */
export async function getJson(call: WireCall): Promise<Json> {
  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(listTimeoutMs)]);
  const context = { ...call.context, secret: call.apiKey };
  const answer = await exchange({ ...call, signal, context });
  try {
    return JSON.parse(await readBody(answer.body, listLimit)) as Json;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) {
      throw malformedError('did not answer with JSON', context, error);
    }
    throw connectionError(error, context, signal);
  }
}

async function exchange(call: WireCall, body?: string): Promise<HttpAnswer> {
  const answer = await send(call, body);
  if (answer.status >= 200 && answer.status < 300) return answer;
  const text = await readBody(answer.body, errorLimit, true).catch(() => '');
  throw statusError(answer.status, answer.headers, text, call.context);
}

async function send(call: WireCall, body?: string): Promise<HttpAnswer> {
  const headers = {
    accept: 'application/json, text/event-stream',
    'user-agent': 'ratchet',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(call.apiKey !== undefined && { authorization: `Bearer ${headerSafe(call.apiKey, call.context)}` }),
  };
  try {
    return await sendHttp({
      url: call.url,
      method: body === undefined ? 'GET' : 'POST',
      headers,
      signal: call.signal,
      ...(body !== undefined && { body }),
    });
  } catch (error) {
    throw connectionError(error, call.context, call.signal);
  }
}

/** Node's own complaint about a bad header value would quote the key. */
function headerSafe(key: string, context: VendorContext): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new RatchetError(
    'InvalidInput',
    `The API key of ${context.provider} has characters that no key has: ${context.keyHint}.`,
  );
}

async function* mappedErrors(
  body: AsyncIterable<Uint8Array>,
  context: VendorContext,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw connectionError(error, context, signal);
  }
}
