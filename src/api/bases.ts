import { createRoute, z } from '@hono/zod-openapi';
import { type BaseRoots, basesWithOrigin, ensureBaseServed, resolveBase } from '../models/bases.ts';
import type { ImportDeps } from '../models/import.ts';
import type { Routes } from './context.ts';
import { json, problems } from './schemas.ts';

export interface BaseRouteDeps {
  roots: BaseRoots;
  imports: ImportDeps;
}

const base = z.object({
  name: z.string(),
  /** A repository of a hub. */
  origin: z.object({ hub: z.string(), revision: z.string() }).nullable(),
});

const list = createRoute({
  method: 'get',
  path: '/api/bases',
  tags: ['Models'],
  summary: 'Names of the bases that can be trained, and where they are from as far as that is known',
  responses: { 200: json(z.object({ items: z.array(base) }), 'Every base'), ...problems },
});

const serve = createRoute({
  method: 'post',
  path: '/api/bases/{name}/serve',
  tags: ['Models'],
  summary: 'Make sure that Ollama serves a base, importing it if need be',
  request: { params: z.object({ name: z.string() }) },
  responses: { 200: json(z.object({ model: z.string(), digest: z.string() }), 'Its model ref'), ...problems },
});

/** `/api/bases`: what training starts from. */
export function baseRoutes({ roots, imports }: BaseRouteDeps): Routes {
  return (app) => {
    app.openapi(list, async (context) => context.json({ items: await basesWithOrigin(roots) }, 200));
    app.openapi(serve, async (context) => {
      const found = await resolveBase(roots, context.req.valid('param').name);
      const { served, digest } = await ensureBaseServed(imports, found, { signal: context.req.raw.signal });
      return context.json({ model: served, digest }, 200);
    });
  };
}
