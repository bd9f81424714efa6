import { type JsonObject, isObject } from '../../core/canonical.ts';
import { choicesOf } from '../../core/choices.ts';
import { RatchetError } from '../../core/errors.ts';
import type { WireMessage } from '../../core/message.ts';
import type { CompletionRecord, ImportedChat } from '../../store/types.ts';

// One line of a file of raw records, as other products write and read them. A line holds the request as it was sent and
// the answer as it was got; an answer that was streamed becomes a whole one.

export const rawFormats = ['openpipe', 'nvidia'] as const;
export type RawFormat = (typeof rawFormats)[number];

/** What a line says; the rest of an {@link ImportedChat} is the importer's. */
export type ReadChat = Omit<ImportedChat, 'owner' | 'provider'>;

interface Format {
  write(record: CompletionRecord): JsonObject;
  /** Throws InvalidInput with the fault. */
  read(line: JsonObject): ReadChat;
}

/**
 * OpenPipe's request logs: `{"input": request, "output": chat.completion, "tags"}`. NVIDIA's data flywheel:
 * `{"timestamp" in seconds, "workload_id", "client_id", "request", "response"}`.
 */
export const formats: Readonly<Record<RawFormat, Format>> = {
  openpipe: {
    write: (record) => ({ input: requestOf(record), output: responseOf(record), tags: tagsOf(record) }),
    read: ({ input, output, tags }) =>
      readChat({ request: input, response: output }, ['input', 'output'], {
        format: 'openpipe',
        ...(isObject(tags) && { tags }),
      }),
  },
  nvidia: {
    write: (record) => ({
      timestamp: Math.floor(record.createdAt / 1000),
      workload_id: workloadOf(record),
      client_id: record.origin?.client_id ?? record.keyId ?? record.owner,
      request: requestOf(record),
      response: responseOf(record),
    }),
    read: ({ timestamp, workload_id, client_id, request, response }) => ({
      ...readChat({ request, response }, ['request', 'response'], {
        format: 'nvidia',
        ...(typeof workload_id === 'string' && { workload_id }),
        ...(typeof client_id === 'string' && { client_id }),
      }),
      scope: typeof client_id === 'string' ? client_id : null,
      createdAt: typeof timestamp === 'number' && timestamp > 0 ? Math.floor(timestamp * 1000) : null,
    }),
  },
};

/** The request as it was sent. */
export function requestOf({ envelope, messages }: Pick<CompletionRecord, 'envelope' | 'messages'>): JsonObject {
  return { ...envelope, messages };
}

/** The answer as it was got, whole. */
export function responseOf({ response, choices }: Pick<CompletionRecord, 'response' | 'choices'>): JsonObject {
  return {
    ...response,
    ...(response?.object === 'chat.completion.chunk' && { object: 'chat.completion' }),
    choices: choices.map(({ index, message, finishReason, extra }) => ({
      index,
      message,
      finish_reason: finishReason,
      ...extra,
    })),
  };
}

function tagsOf({ origin, id, conversationId }: CompletionRecord): JsonObject {
  return isObject(origin?.tags) ? origin.tags : { ratchet_completion: id, ratchet_conversation: conversationId };
}

function workloadOf({ origin, envelope }: CompletionRecord): string {
  const { metadata } = envelope;
  const named = origin?.workload_id ?? (isObject(metadata) ? metadata.workload_id : undefined);
  return typeof named === 'string' ? named : 'default';
}

function readChat(
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
  const { choices: _choices, ...rest } = response;
  const usage = isObject(rest.usage) ? rest.usage : {};
  const model = [rest.model, envelope.model].find((name) => typeof name === 'string' && name !== '');
  if (typeof model !== 'string') throw fault(`"${requestName}.model" must name the model`);
  return {
    model,
    envelope,
    messages,
    choices,
    response: rest,
    promptTokens: countOf(usage.prompt_tokens),
    completionTokens: countOf(usage.completion_tokens),
    createdAt: typeof rest.created === 'number' && rest.created > 0 ? Math.floor(rest.created * 1000) : null,
    scope: typeof envelope.user === 'string' ? envelope.user : null,
    origin,
  };
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
