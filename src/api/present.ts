import type { z } from '@hono/zod-openapi';
import type { AnswerRef, CompletionRecord, FeedbackRecord, Redaction } from '../store/types.ts';
import type { completionRecord, feedbackRecord, redaction } from './schemas.ts';

/** A completion as `/api` shows it, with the feedback on it. */
export function presentCompletion(
  record: CompletionRecord,
  feedback: readonly FeedbackRecord[],
): z.infer<typeof completionRecord> {
  return {
    id: record.id,
    conversation_id: record.conversationId,
    kind: record.kind,
    owner: record.owner,
    key_id: record.keyId,
    team: record.team,
    record: record.record,
    provider: record.provider,
    model: record.model,
    state: record.state,
    stream: record.stream,
    request: record.envelope,
    messages: record.messages,
    choices: record.choices.map(({ index, message, messageId, finishReason, extra }) => ({
      index,
      message,
      message_id: messageId,
      finish_reason: finishReason,
      extra,
    })),
    response: record.response,
    usage: { prompt_tokens: record.promptTokens, completion_tokens: record.completionTokens },
    cost_usd: dollars(record.costNanos),
    attempts: record.attempts.map(({ provider, model, code, sent }) => ({
      provider,
      model,
      code,
      ...(sent && { sent }),
    })),
    error: record.error,
    feedback: feedback.filter(({ completionId }) => completionId === record.id).map(presentFeedback),
    created_at: isoTime(record.createdAt),
    first_token_at: optionalTime(record.firstTokenAt),
    finished_at: optionalTime(record.finishedAt),
    erased_at: optionalTime(record.erasedAt),
  };
}

/** An event of feedback as `/api` shows it. */
export function presentFeedback(record: FeedbackRecord): z.infer<typeof feedbackRecord> {
  return {
    id: record.id,
    completion_id: record.completionId,
    choice: record.choice,
    rater: record.rater,
    rating: record.rating ?? null,
    score: record.score ?? null,
    comment: record.comment ?? null,
    correction: record.correction ?? null,
    tags: record.tags ?? [],
    criteria: record.criteria ?? {},
    undoes: record.undoes ?? null,
    preferred_over: (record.over ?? []).map(presentAnswer),
    tied_with: (record.tiedWith ?? []).map(presentAnswer),
    source: record.source,
    created_at: isoTime(record.createdAt),
  };
}

function presentAnswer({ completionId, choice }: AnswerRef): { completion_id: string; choice: number } {
  return { completion_id: completionId, choice };
}

/** What a dataset version lost, as `/api` shows it. */
export function presentRedaction(redacted: Redaction | null): z.infer<typeof redaction> | null {
  return redacted && { rows: redacted.rows, since: isoTime(redacted.since) };
}

/** Billionths of a dollar as dollars. */
export function dollars(nanos: number | null): number | null {
  return nanos === null ? null : nanos / 1e9;
}

/** A time of the store as ISO 8601 in UTC. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}

/** {@link isoTime}, where null stays null. */
export function optionalTime(at: number | null): string | null {
  return at === null ? null : isoTime(at);
}
