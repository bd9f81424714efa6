import { createRoute, z } from '@hono/zod-openapi';
import { RatchetError } from '../core/errors.ts';
import type { ModelVersion, Store } from '../store/types.ts';
import type { Routes } from './context.ts';
import { optionalTime, presentRedaction } from './present.ts';
import { json, jsonObject, pageQuery, problems, redaction } from './schemas.ts';

const modelVersion = z
  .object({
    id: z.string(),
    name: z.string(),
    base: z.string(),
    /** Model ref that serves it. */
    served: z.string(),
    served_digest: z.string(),
    dataset: z.string(),
    recipe: z.string(),
    adapter_digest: z.string(),
    cycle_id: z.string(),
    metrics: jsonObject,
    created_at: z.string(),
    /** Null unless its dataset lost rows since it was built: then it learned something that is forgotten. */
    stale: redaction.nullable(),
    /** When its weights were deleted. */
    deleted_at: z.string().nullable(),
  })
  .openapi('ModelVersion');

const list = createRoute({
  method: 'get',
  path: '/api/models',
  tags: ['Models'],
  summary: 'Model versions with their lineage, newest first',
  request: { query: z.object(pageQuery) },
  responses: {
    200: json(z.object({ items: z.array(modelVersion), next: z.string().nullable() }), 'A page of model versions'),
    ...problems,
  },
});

const read = createRoute({
  method: 'get',
  path: '/api/models/{id}',
  tags: ['Models'],
  summary: 'One model version',
  request: { params: z.object({ id: z.string().min(1).max(100) }) },
  responses: { 200: json(modelVersion, 'The model version'), ...problems },
});

/** `GET /api/models` and `GET /api/models/:id`. */
export function modelRoutes({ store }: { store: Pick<Store, 'models'> }): Routes {
  return (app) => {
    app.openapi(list, async (context) => {
      const { limit, cursor, order } = context.req.valid('query');
      const page = await store.models.list({ limit, order, ...(cursor !== undefined && { cursor }) });
      return context.json({ items: page.items.map(present), next: page.next }, 200);
    });
    app.openapi(read, async (context) => {
      const { id } = context.req.valid('param');
      const version = await store.models.get(id);
      if (!version)
        throw new RatchetError('NotFound', `There is no model version ${id}: list them with GET /api/models.`);
      return context.json(present(version), 200);
    });
  };
}

function present(version: ModelVersion): z.infer<typeof modelVersion> {
  return {
    id: version.id,
    name: version.name,
    base: version.base,
    served: version.served,
    served_digest: version.servedDigest,
    dataset: version.dataset,
    recipe: version.recipe,
    adapter_digest: version.adapterDigest,
    cycle_id: version.cycleId,
    metrics: version.metrics,
    created_at: new Date(version.createdAt).toISOString(),
    stale: presentRedaction(version.stale),
    deleted_at: optionalTime(version.deletedAt),
  };
}
