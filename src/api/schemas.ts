import { z } from '@hono/zod-openapi';

/** Any JSON object. */
export const jsonObject = z.record(z.string(), z.unknown());

/** A chat message in the OpenAI shape, with whatever else was in it. */
export const wireMessage = z.looseObject({ role: z.string() }).openapi('Message');

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    advice: z.string(),
    instance: z.string(),
    /** What can be done instead, where there is something: of a cycle without a base, a base to add. */
    proposal: jsonObject.optional(),
  })
  .openapi('Problem');

const answerRef = z.object({ completion_id: z.string(), choice: z.int() });

export const feedbackRecord = z
  .object({
    id: z.string(),
    completion_id: z.string(),
    choice: z.int(),
    rater: z.string(),
    rating: z.union([z.literal(1), z.literal(-1)]).nullable(),
    score: z.number().nullable(),
    comment: z.string().nullable(),
    correction: wireMessage.nullable(),
    tags: z.array(z.string()),
    /** Answers to the same messages that this one was found better than, or as good as. */
    criteria: z.record(z.string(), z.union([z.boolean(), z.number()])),
    /** Id of the event that this one takes back. */
    undoes: z.string().nullable(),
    preferred_over: z.array(answerRef),
    tied_with: z.array(answerRef),
    source: z.string(),
    created_at: z.string(),
  })
  .openapi('Feedback');

export const completionRecord = z
  .object({
    id: z.string(),
    conversation_id: z.string(),
    kind: z.enum(['chat', 'text', 'responses', 'embeddings']),
    owner: z.string(),
    key_id: z.string().nullable(),
    team: z.string().nullable(),
    /** `meta`: only figures were kept. */
    record: z.enum(['all', 'meta']),
    provider: z.string(),
    model: z.string(),
    state: z.enum(['open', 'complete', 'interrupted', 'failed']),
    stream: z.boolean(),
    /** Every field of the request but `messages`, as sent. */
    request: jsonObject,
    messages: z.array(wireMessage),
    choices: z.array(
      z.object({
        index: z.int(),
        message: wireMessage,
        message_id: z.string(),
        finish_reason: z.string().nullable(),
        extra: jsonObject,
      }),
    ),
    /** Every field of the response but `choices`, as got. */
    response: jsonObject.nullable(),
    usage: z.object({ prompt_tokens: z.int().nullable(), completion_tokens: z.int().nullable() }),
    /** Null when the tokens or the price are not known. */
    cost_usd: z.number().nullable(),
    /** Models that failed before the one that answered. */
    attempts: z.array(
      z.object({
        provider: z.string(),
        model: z.string(),
        code: z.string(),
        sent: z.record(z.string(), z.unknown()).optional(),
      }),
    ),
    error: z.object({ code: z.string(), message: z.string(), status: z.int().nullable() }).nullable(),
    feedback: z.array(feedbackRecord),
    created_at: z.string(),
    first_token_at: z.string().nullable(),
    finished_at: z.string().nullable(),
    erased_at: z.string().nullable(),
  })
  .openapi('Completion');

/** Rows that a dataset version lost since it was built, because somebody was to be forgotten. */
export const redaction = z.object({ rows: z.int(), since: z.string() }).openapi('Redaction');

/** Query parameters of a page. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(500).optional(),
  order: z.enum(['asc', 'desc']).default('desc'),
};

/** `true` or `false` in a query. */
export const flag = z.enum(['true', 'false']).transform((value) => value === 'true');

/** A JSON body or answer of one schema, for OpenAPI. */
export function json<S extends z.ZodType>(
  schema: S,
  description: string,
): { description: string; content: { 'application/json': { schema: S } } } {
  return { description, content: { 'application/json': { schema } } };
}

/** Answers of every resource under `/api` that is not the one that was hoped for. */
export const problems = {
  default: {
    description: 'What went wrong and what to do',
    content: { 'application/problem+json': { schema: problem } },
  },
};
