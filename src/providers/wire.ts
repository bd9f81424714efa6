import type { Json, JsonObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import { type Body, readBody } from './body.ts';
import { type VendorContext, connectionError, malformedError, redact, statusError } from './errors.ts';
import { type HttpAnswer, sendHttp } from './http.ts';
import type { CallOptions, ProviderAnswer } from './types.ts';

const listLimit = 16 * 2 ** 20;
const errorLimit = 64 * 2 ** 10;
const listTimeoutMs = 5_000;

export interface WireCall extends CallOptions {
  url: string;
  context: VendorContext;
  /** The header that the key stands in; `authorization`, as a bearer's, unless given. */
  keyHeader?: string | undefined;
  /** How long the server may send nothing, in ms; without it, as long as it likes. */
  idleMs?: number | undefined;
}

/** Posts a body and hands the answer's bytes on as they come. */
export async function postCall(call: WireCall, body: string): Promise<ProviderAnswer> {
  const named = withSecrets(call);
  const answer = await exchange(named, body);
  return {
    status: answer.status,
    headers: answer.headers,
    body: mappedErrors(answer.body, named),
    redact: (text) => redact(text, named.context.secret),
  };
}

/** Gets a small JSON document, within a few seconds. */
export function getJson(call: WireCall): Promise<Json> {
  return readJson(call);
}

/** Posts a small question and gets a JSON document, within a few seconds. */
export function postJson(call: WireCall, question: JsonObject): Promise<Json> {
  return readJson(call, JSON.stringify(question));
}

async function readJson(call: WireCall, body?: string): Promise<Json> {
  const signal = AbortSignal.any([call.signal, AbortSignal.timeout(listTimeoutMs)]);
  const { context, ...rest } = withSecrets(call);
  const answer = await exchange({ ...rest, context, signal }, body);
  try {
    return JSON.parse(await readBody(answer.body, listLimit)) as Json;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) {
      throw malformedError('did not answer with JSON', context, error);
    }
    throw connectionError(error, context, signal);
  }
}

function withSecrets(call: WireCall): WireCall {
  return {
    ...call,
    context: { ...call.context, secret: call.apiKey, ...(call.model !== undefined && { model: call.model }) },
  };
}

async function exchange(call: WireCall, body?: string): Promise<HttpAnswer> {
  const answer = await send(call, body);
  if (answer.status >= 200 && answer.status < 300) return answer;
  const text = await readBody(answer.body, errorLimit, true).catch(() => '');
  throw statusError(answer.status, answer.headers, text, call.context);
}

async function send(call: WireCall, body?: string): Promise<HttpAnswer> {
  const headers = {
    ...call.headers,
    accept: 'application/json, text/event-stream',
    'user-agent': 'ratchet',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(call.apiKey !== undefined && keyHeaders(call, call.apiKey)),
  };
  try {
    return await sendHttp({
      url: call.url,
      method: body === undefined ? 'GET' : 'POST',
      headers,
      signal: call.signal,
      ...(body !== undefined && { body }),
      ...(call.idleMs !== undefined && { idleMs: call.idleMs }),
    });
  } catch (error) {
    throw connectionError(error, call.context, call.signal);
  }
}

function keyHeaders({ keyHeader, context }: WireCall, key: string): Record<string, string> {
  const safe = headerSafe(key, context);
  return keyHeader === undefined ? { authorization: `Bearer ${safe}` } : { [keyHeader]: safe };
}

/** Node's own complaint about a bad header value would quote the key. */
function headerSafe(key: string, context: VendorContext): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new RatchetError(
    'InvalidInput',
    `The API key of ${context.provider} has characters that no key has: ${context.keyHint}.`,
  );
}

function mappedErrors(body: Body, { context, signal }: WireCall): Body {
  return {
    ...body,
    read: (reader) =>
      body.read({
        piece: (bytes) => reader.piece(bytes),
        end: () => reader.end(),
        fail: (error) => reader.fail(connectionError(error, context, signal)),
      }),
  };
}
