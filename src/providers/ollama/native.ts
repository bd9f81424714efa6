import { randomUUID } from 'node:crypto';
import { type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { type VendorContext, statusError } from '../errors.ts';
import { readAnswer, translatedStream, translatedWhole } from '../translation/answer.ts';
import { refusal } from '../translation/refusal.ts';
import { textOf } from '../translation/text.ts';
import type { Endpoint, ProviderAnswer } from '../types.ts';
import { type WireCall, postCall } from '../wire.ts';
import { type AnswerFrame, completionOf, embeddingsOf, textCompletionOf } from './answer.ts';
import { isEmpty, optionFaults, splitOptions } from './options.ts';
import { type NativeRequest, chatRequest, embedRequest, optionsOfCall, textRequest } from './request.ts';
import { createNativeStream } from './stream.ts';

const requests: Readonly<Record<Endpoint, (sent: JsonObject, said: JsonObject) => NativeRequest>> = {
  'chat/completions': chatRequest,
  completions: textRequest,
  embeddings: embedRequest,
};

/** A call that goes through Ollama's own API. */
export interface NativeCall {
  sent: JsonObject;
  request: NativeRequest;
}

/**
 * The call of Ollama's own API that a body needs, since its OpenAI route takes no options; null where neither the settings
 * nor the body have any. `override` goes before both. InvalidInput names every option that is not as it should be.
 */
export function nativeCallOf(
  endpoint: Endpoint,
  body: string,
  said: JsonObject,
  override: JsonObject = {},
): NativeCall | null {
  // Most bodies have neither, and need not be parsed.
  const mayHave = body.includes('"options"') || body.includes('"keep_alive"');
  if (!mayHave && isEmpty(splitOptions({ ...said, ...override }))) return null;
  const sent: unknown = JSON.parse(body);
  if (!isObject(sent)) throw refusal('The body must be a JSON object.');
  const all = { ...said, ...optionsOfCall(sent), ...override };
  if (isEmpty(splitOptions(all))) return null;
  const faults = optionFaults(all);
  if (faults.length > 0) throw refusal(`Correct these options of Ollama: ${faults.join('; ')}.`, 'options');
  return { sent, request: requests[endpoint](sent, all) };
}

/** Asks Ollama's own API, and gives the answer in the OpenAI wire format. `target` is at its root. */
export async function callNative({ sent, request }: NativeCall, target: WireCall): Promise<ProviderAnswer> {
  const { path, body } = request;
  const answer = await postCall({ ...target, url: `${target.url}/api/${path}` }, JSON.stringify(body));
  const context = { ...target.context, secret: target.apiKey };
  const malformed = (problem: string, cause?: unknown): RatchetError => notOllama(problem, context, cause);
  const frame: AnswerFrame = {
    id: `chatcmpl-${randomUUID()}`,
    model: textOf(sent.model),
    created: Math.floor(Date.now() / 1_000),
  };
  if (path !== 'embed' && body.stream === true && !answer.headers['content-type']?.startsWith('application/json')) {
    const usage = isObject(sent.stream_options) && sent.stream_options.include_usage === true;
    const reported = (line: JsonObject): RatchetError => statusError(500, {}, JSON.stringify(line), context);
    return translatedStream(answer, createNativeStream({ path, frame, usage, malformed, reported }));
  }
  const given = await readAnswer(answer, malformed);
  const whole = wholeOf(request.path, given, { frame, encoding: sent.encoding_format });
  if (!whole) throw malformed('answered with nothing that was asked for');
  return translatedWhole(answer, whole);
}

function wholeOf(
  path: NativeRequest['path'],
  given: JsonObject,
  { frame, encoding }: { frame: AnswerFrame; encoding: JsonObject[string] | undefined },
): JsonObject | null {
  const told = { ...frame, ...(typeof given.model === 'string' && { model: given.model }) };
  if (path === 'embed') return embeddingsOf(given, encoding);
  return path === 'chat' ? completionOf(given, told) : textCompletionOf(given, told);
}

function notOllama(problem: string, { provider, baseUrl }: VendorContext, cause?: unknown): RatchetError {
  const message = `${provider} at ${baseUrl} ${problem}: check that it is an Ollama.`;
  return new RatchetError('ProviderUnavailable', message, { cause, details: { provider } });
}
