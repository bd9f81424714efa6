import { createRoute, z } from '@hono/zod-openapi';
import type { ForgetReport, Forgetting } from '../core/forgetting.ts';
import type { ForgettingRecord } from '../store/forgotten-types.ts';
import type { Store } from '../store/types.ts';
import type { Routes } from './context.ts';
import { isoTime, optionalTime } from './present.ts';
import { json, problems } from './schemas.ts';

const body = z
  .strictObject({
    conversation: z.string().min(1).max(200).optional(),
    rater: z.string().min(1).max(200).optional(),
    dry_run: z.boolean().default(false).openapi({ description: 'Tell what would go, and change nothing.' }),
    now: z.boolean().default(false).openapi({
      description: 'Roll back to the newest model that learned nothing of it, and delete those that did.',
    }),
  })
  .refine(({ conversation, rater }) => (conversation === undefined) !== (rater === undefined), {
    message: 'give either conversation or rater',
  })
  .openapi('Forget');

const report = z
  .object({
    kind: z.enum(['conversation', 'rater']),
    state: z.enum(['planned', 'waiting', 'done']),
    completions: z.int(),
    elsewhere: z.array(z.object({ completion: z.string(), conversation: z.string() })),
    feedback: z.int(),
    datasets: z.array(z.object({ digest: z.string(), name: z.string(), rows: z.int() })),
    evaluations: z.array(z.string()),
    models: z.array(z.object({ id: z.string(), served: z.string(), deleted: z.boolean() })),
    logs: z.array(z.string()),
    removed: z.array(z.string()),
    failures: z.int(),
    waiting: z.object({ cycles: z.array(z.string()), completions: z.int() }),
    selected: z.string().nullable(),
    notes: z.array(z.string()),
    out_of_reach: z.array(z.string()),
  })
  .openapi('ForgetReport');

const record = z
  .object({
    id: z.string(),
    kind: z.enum(['conversation', 'rater']),
    /** Null once a rater is forgotten. */
    subject: z.string().nullable(),
    state: z.enum(['files', 'record', 'done']),
    now: z.boolean(),
    actor: z.string(),
    created_at: z.string(),
    finished_at: z.string().nullable(),
  })
  .openapi('Forgetting');

const add = createRoute({
  method: 'post',
  path: '/api/forget',
  tags: ['Forgetting'],
  summary: 'Forget all that was said in a conversation, or by a rater, for good and everywhere in reach',
  request: { body: { required: true, content: { 'application/json': { schema: body } } } },
  responses: { 200: json(report, 'What went, or would go'), ...problems },
});

const list = createRoute({
  method: 'get',
  path: '/api/forget',
  tags: ['Forgetting'],
  summary: 'What was forgotten, and what still waits to be, newest first',
  responses: { 200: json(z.object({ items: z.array(record) }), 'All of it'), ...problems },
});

/** `POST` and `GET /api/forget`. */
export function forgetRoutes(deps: { store: Pick<Store, 'forgotten'>; forgetting: Forgetting }): Routes {
  return (app) => {
    app.openapi(add, async (context) => {
      const { conversation, rater, dry_run: isDry, now } = context.req.valid('json');
      const of =
        conversation === undefined
          ? ({ kind: 'rater', subject: rater ?? '' } as const)
          : ({ kind: 'conversation', subject: conversation } as const);
      const request = { ...of, now, actor: context.get('owner') };
      const told = isDry ? await deps.forgetting.plan(request) : await deps.forgetting.forget(request);
      return context.json(told satisfies ForgetReport, 200);
    });
    app.openapi(list, async (context) => {
      return context.json({ items: (await deps.store.forgotten.all()).map(present) }, 200);
    });
  };
}

function present({ createdAt, finishedAt, report: _report, ...rest }: ForgettingRecord): z.infer<typeof record> {
  return { ...rest, created_at: isoTime(createdAt), finished_at: optionalTime(finishedAt) };
}
