import { type JsonObject, isObject } from '../../core/canonical.ts';
import { readNvidia } from '../../feedback/importers/nvidia.ts';
import { readOpenpipe } from '../../feedback/importers/openpipe.ts';
import type { ReadChat } from '../../feedback/importers/request-response.ts';
import type { CompletionRecord } from '../../store/types.ts';

// One line of a file of raw records, as other products write and read them. A line holds the request as it was sent and
// the answer as it was got; an answer that was streamed becomes a whole one.

export const rawFormats = ['openpipe', 'nvidia'] as const;
export type RawFormat = (typeof rawFormats)[number];

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
    read: readOpenpipe,
  },
  nvidia: {
    write: (record) => ({
      timestamp: Math.floor(record.createdAt / 1000),
      workload_id: workloadOf(record),
      client_id: record.origin?.client_id ?? record.keyId ?? record.owner,
      request: requestOf(record),
      response: responseOf(record),
    }),
    read: readNvidia,
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
