import { createRoute, z } from '@hono/zod-openapi';
import { reconcile } from '../models/ledger.ts';
import { type PromotionDeps, promote, rollback } from '../models/promotions.ts';
import { refSelection, selectionRef } from '../models/selection.ts';
import type { PromotionRecord } from '../store/types.ts';
import type { Routes } from './context.ts';
import { json, pageQuery, problems } from './schemas.ts';

const promotion = z
  .object({
    seq: z.int(),
    id: z.string(),
    kind: z.enum(['promote', 'rollback', 'outside_edit', 'first']),
    state: z.enum(['pending', 'applied', 'abandoned']),
    /** Model ref that was selected. */
    model: z.string(),
    model_version: z.string().nullable(),
    /** The selection file after it, without any key. */
    selection: z.object({ provider: z.string(), model: z.string(), api_key_env: z.string().optional() }),
    actor: z.string(),
    cycle_id: z.string().nullable(),
    evidence: z.string().nullable(),
    created_at: z.string(),
    applied_at: z.string().nullable(),
  })
  .openapi('Promotion');

const body = z
  .strictObject({
    model_version: z.string().min(1).max(100).optional(),
    model: z.string().min(1).max(300).optional().openapi({ description: 'A model ref, "provider/model".' }),
    evidence: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
  })
  .refine((value) => (value.model === undefined) !== (value.model_version === undefined), {
    message: 'give either model_version or model',
  })
  .openapi('NewPromotion');

const list = createRoute({
  method: 'get',
  path: '/api/promotions',
  tags: ['Promotions'],
  summary: 'The ledger of what was selected, newest first, and what is selected now',
  request: { query: z.object(pageQuery) },
  responses: {
    200: json(
      z.object({ selected: z.string().nullable(), items: z.array(promotion), next: z.string().nullable() }),
      'A page of the ledger',
    ),
    ...problems,
  },
});

const add = createRoute({
  method: 'post',
  path: '/api/promotions',
  tags: ['Promotions'],
  summary: 'Select a model version or a model',
  request: { body: { required: true, content: { 'application/json': { schema: body } } } },
  responses: {
    200: json(promotion, 'The line in force: a new one, unless it was selected already'),
    ...problems,
  },
});

const undo = createRoute({
  method: 'post',
  path: '/api/promotions/rollback',
  tags: ['Promotions'],
  summary: 'Select what was selected before',
  responses: { 201: json(promotion, 'The new line'), ...problems },
});

/** `GET` and `POST /api/promotions`, `POST /api/promotions/rollback`. */
export function promotionRoutes({ promotions: deps }: { promotions: PromotionDeps }): Routes {
  const { refOf = selectionRef } = deps;
  const presentLine = (line: PromotionRecord) => present(line, refOf(line.selection));
  return (app) => {
    app.openapi(list, async (context) => {
      const { limit, cursor, order } = context.req.valid('query');
      const selected = await reconcile(deps);
      const page = await deps.models.promotions({ limit, order, ...(cursor !== undefined && { cursor }) });
      const ref = selected && refOf(selected.selection);
      return context.json({ selected: ref, items: page.items.map(presentLine), next: page.next }, 200);
    });
    app.openapi(add, async (context) => {
      const { model_version: modelVersion, model = '', evidence = null } = context.req.valid('json');
      const target = modelVersion === undefined ? { selection: refSelection(model) } : { modelVersion };
      const line = await promote(deps, { target, actor: context.get('owner'), evidence });
      return context.json(presentLine(line), 200);
    });
    app.openapi(undo, async (context) =>
      context.json(presentLine(await rollback(deps, { actor: context.get('owner') })), 201),
    );
  };
}

function present(line: PromotionRecord, ref: string): z.infer<typeof promotion> {
  const { provider, model, apiKeyEnv } = line.selection;
  return {
    seq: line.seq,
    id: line.id,
    kind: line.kind,
    state: line.state,
    model: ref,
    model_version: line.modelVersion,
    selection: { provider, model, ...(apiKeyEnv !== undefined && { api_key_env: apiKeyEnv }) },
    actor: line.actor,
    cycle_id: line.cycleId,
    evidence: line.evidence,
    created_at: new Date(line.createdAt).toISOString(),
    applied_at: line.appliedAt === null ? null : new Date(line.appliedAt).toISOString(),
  };
}
