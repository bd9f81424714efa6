import { type JsonObject, isObject } from '../../core/canonical.ts';
import { choicesOf } from '../../core/choices.ts';
import { RatchetError } from '../../core/errors.ts';
import type { WireMessage } from '../../core/message.ts';
import { timeIn } from './fields.ts';
import type { ImportedExchange } from './types.ts';

/** What a line with a request and its answer says. */
export type ReadChat = ImportedExchange['chat'];

const longestModel = 300;

/**
 * Reads a request as it was sent and the answer as it was got, a `chat.completion`. `names` are what the line calls the two.
 * InvalidInput with the fault.
 */
export function readChat(
  { request, response }: Record<'request' | 'response', unknown>,
  [requestName, responseName]: readonly [string, string],
  origin: JsonObject,
): ReadChat {
  if (!isObject(request)) throw fault(`"${requestName}" must be the request, an object`);
  const { messages, ...envelope } = request;
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isMessage)) {
    throw fault(`"${requestName}.messages" must be a list of messages, each with a role`);
  }
  if (!isObject(response)) throw fault(`"${responseName}" must be the answer, an object`);
  const choices = choicesOf(response);
  if (!choices || choices.length === 0)
    throw fault(`"${responseName}.choices" must be a list of choices with a message`);
  if (new Set(choices.map(({ index }) => index)).size < choices.length)
    throw fault(`"${responseName}.choices" must each have an index of its own`);
  const { choices: _choices, ...rest } = response;
  const usage = isObject(rest.usage) ? rest.usage : {};
  return {
    model: modelIn(rest.model, envelope.model, requestName),
    envelope,
    messages,
    choices,
    response: rest,
    promptTokens: countOf(usage.prompt_tokens),
    completionTokens: countOf(usage.completion_tokens),
    createdAt: timeIn(rest.created),
    scope: typeof envelope.user === 'string' ? envelope.user : null,
    origin,
  };
}

function modelIn(answered: unknown, asked: unknown, requestName: string): string {
  const model = [answered, asked].find((name) => typeof name === 'string' && name !== '');
  if (typeof model === 'string' && model.length <= longestModel) return model;
  throw fault(`"${requestName}.model" must name the model`);
}

function isMessage(value: unknown): value is WireMessage {
  return isObject(value) && typeof value.role === 'string';
}

function countOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function fault(what: string): RatchetError {
  return new RatchetError('InvalidInput', `${what}.`);
}
