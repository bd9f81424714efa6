import { createRoute, z } from '@hono/zod-openapi';
import { RatchetError } from '../core/errors.ts';
import type { AddFeedback, AnswerInput, UndoFeedback } from '../feedback/add.ts';
import { type ChatStore, type FeedbackStore, type SignalStore, signalKinds } from '../store/types.ts';
import type { JsonObject } from '../core/canonical.ts';
import type { Routes } from './context.ts';
import { isoTime, presentFeedback } from './present.ts';
import { requireRole, visibleOwner } from './roles.ts';
import { feedbackRecord, json, pageQuery, problems, wireMessage } from './schemas.ts';

const answerRef = z.strictObject({ completion_id: z.string().min(1).max(200), choice: z.int().min(0).optional() });

const body = z
  .strictObject({
    completion_id: z.string().min(1).max(200),
    choice: z.int().min(0).optional(),
    rating: z.union([z.literal(1), z.literal(-1)]).optional(),
    score: z.number().min(0).max(1).optional(),
    comment: z.string().optional(),
    correction: z
      .union([z.string(), wireMessage])
      .optional()
      .openapi({ description: 'The answer as it should have been: its text, or a whole assistant message.' }),
    tags: z.array(z.string()).optional(),
    criteria: z
      .record(z.string(), z.union([z.boolean(), z.number()]))
      .optional()
      .openapi({ description: 'What named criteria say: true, false, or a share from 0 to 1.' }),
    key: z.string().optional().openapi({
      description: 'Your name for this event: the same again is the same event. Or the header Idempotency-Key.',
    }),
    preferred_over: z
      .array(answerRef)
      .optional()
      .openapi({ description: 'Answers to the same messages that this one is better than.' }),
    tied_with: z.array(answerRef).optional().openapi({ description: 'Answers to the same messages that are as good.' }),
    source: z.enum(['api', 'cli']).default('api'),
    rater: z
      .string()
      .regex(/^\S(.{0,98}\S)?$/, 'use 1 to 100 characters')
      .optional()
      .openapi({
        description: 'Who says so; the owner of the API key unless given. Naming another takes the role `operate`.',
      }),
  })
  .openapi('NewFeedback');

const signalBody = z
  .strictObject({
    completion_id: z.string().min(1).max(200),
    choice: z.int().min(0).default(0),
    kind: z.enum(signalKinds),
    source: z.enum(['api', 'cli', 'web']).default('api'),
  })
  .openapi('NewSignal');

const signalRecord = z
  .object({
    id: z.string(),
    completion_id: z.string(),
    choice: z.int(),
    kind: z.enum(signalKinds),
    source: z.string(),
    created_at: z.string(),
  })
  .openapi('Signal');

const add = createRoute({
  method: 'post',
  path: '/api/feedback',
  tags: ['Feedback'],
  summary: 'Rate, score, comment or correct an answer',
  request: { body: { required: true, content: { 'application/json': { schema: body } } } },
  responses: { 201: json(feedbackRecord, 'The event, which is never changed'), ...problems },
});

const list = createRoute({
  method: 'get',
  path: '/api/feedback',
  tags: ['Feedback'],
  summary: 'Events of feedback, newest first',
  request: { query: z.object(pageQuery) },
  responses: {
    200: json(z.object({ items: z.array(feedbackRecord), next: z.string().nullable() }), 'A page of events'),
    ...problems,
  },
});

const undo = createRoute({
  method: 'post',
  path: '/api/feedback/{id}/undo',
  tags: ['Feedback'],
  summary: 'Take an event back, by a new one',
  request: { params: z.object({ id: z.string().min(1).max(100) }) },
  responses: { 201: json(feedbackRecord, 'The event that takes it back'), ...problems },
});

const signal = createRoute({
  method: 'post',
  path: '/api/signals',
  tags: ['Feedback'],
  summary: 'Note what somebody did with an answer, which is no rating',
  request: { body: { required: true, content: { 'application/json': { schema: signalBody } } } },
  responses: { 201: json(signalRecord, 'The signal'), ...problems },
});

export interface FeedbackRouteDeps {
  addFeedback: AddFeedback;
  undoFeedback: UndoFeedback;
  feedback: Pick<FeedbackStore, 'list'>;
  signals: Pick<SignalStore, 'add'>;
  chats: Pick<ChatStore, 'get'>;
}

/** `/api/feedback` and `/api/signals`. */
export function feedbackRoutes({ addFeedback, undoFeedback, feedback, signals, chats }: FeedbackRouteDeps): Routes {
  return (app) => {
    app.openapi(add, async (context) => {
      const {
        completion_id: completionId,
        preferred_over: over,
        tied_with: tiedWith,
        source,
        correction,
        rater,
        key = context.req.header('idempotency-key'),
        ...rest
      } = context.req.valid('json');
      const principal = context.get('principal');
      if (rater !== undefined && rater !== principal.owner) requireRole(principal, 'operate', 'name another rater');
      const record = await addFeedback(
        {
          completionId,
          ...rest,
          key,
          over: over?.map(answerInput),
          tiedWith: tiedWith?.map(answerInput),
          correction: correction as string | JsonObject | undefined,
        },
        { rater: rater ?? principal.owner, owner: visibleOwner(principal), source },
      );
      return context.json(presentFeedback(record), 201);
    });
    app.openapi(list, async (context) => {
      const { limit, cursor, order } = context.req.valid('query');
      const page = await feedback.list({ limit, order, ...(cursor !== undefined && { cursor }) });
      return context.json({ items: page.items.map(presentFeedback), next: page.next }, 200);
    });
    app.openapi(undo, async (context) => {
      const principal = context.get('principal');
      const from = { rater: principal.owner, owner: visibleOwner(principal), source: 'api' };
      const record = await undoFeedback(context.req.valid('param').id, from);
      return context.json(presentFeedback(record), 201);
    });
    app.openapi(signal, async (context) => {
      const { completion_id: completionId, ...rest } = context.req.valid('json');
      const principal = context.get('principal');
      const owner = visibleOwner(principal);
      const completion = await chats.get(completionId);
      if (!completion || (owner !== null && completion.owner !== owner)) {
        throw new RatchetError('NotFound', `There is no completion "${completionId}": use the id of an answer.`);
      }
      const added = await signals.add({ completionId, ...rest, owner: principal.owner });
      const { id, choice, kind, source, createdAt } = added;
      const view = { id, completion_id: completionId, choice, kind, source, created_at: isoTime(createdAt) };
      return context.json(view, 201);
    });
  };
}

function answerInput({ completion_id: completionId, choice }: z.infer<typeof answerRef>): AnswerInput {
  return { completionId, choice };
}
