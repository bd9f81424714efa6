import { createRoute, z } from '@hono/zod-openapi';
import type { AddFeedback, AnswerInput } from '../feedback/add.ts';
import type { JsonObject } from '../core/canonical.ts';
import type { Routes } from './context.ts';
import { presentFeedback } from './present.ts';
import { requireRole, visibleOwner } from './roles.ts';
import { feedbackRecord, json, problems, wireMessage } from './schemas.ts';

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

const add = createRoute({
  method: 'post',
  path: '/api/feedback',
  tags: ['Feedback'],
  summary: 'Rate, score, comment or correct an answer',
  request: { body: { required: true, content: { 'application/json': { schema: body } } } },
  responses: { 201: json(feedbackRecord, 'The event, which is never changed'), ...problems },
});

/** `POST /api/feedback`. */
export function feedbackRoutes(addFeedback: AddFeedback): Routes {
  return (app) => {
    app.openapi(add, async (context) => {
      const {
        completion_id: completionId,
        preferred_over: over,
        tied_with: tiedWith,
        source,
        correction,
        rater,
        ...rest
      } = context.req.valid('json');
      const principal = context.get('principal');
      if (rater !== undefined && rater !== principal.owner) requireRole(principal, 'operate', 'name another rater');
      const record = await addFeedback(
        {
          completionId,
          ...rest,
          over: over?.map(answerInput),
          tiedWith: tiedWith?.map(answerInput),
          correction: correction as string | JsonObject | undefined,
        },
        { rater: rater ?? principal.owner, owner: visibleOwner(principal), source },
      );
      return context.json(presentFeedback(record), 201);
    });
  };
}

function answerInput({ completion_id: completionId, choice }: z.infer<typeof answerRef>): AnswerInput {
  return { completionId, choice };
}
