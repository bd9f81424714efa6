import { createRoute, z } from '@hono/zod-openapi';
import { type BaseRoots, ensureBaseServed, listBases, resolveBase } from '../models/bases.ts';
import type { ImportDeps } from '../models/import.ts';
import type { Routes } from './context.ts';
import { json, problems } from './schemas.ts';

export interface BaseRouteDeps {
  roots: BaseRoots;
  imports: ImportDeps;
}

const list = createRoute({
  method: 'get',
  path: '/api/bases',
  tags: ['Models'],
  summary: 'Names of the bases that can be trained',
  responses: { 200: json(z.object({ items: z.array(z.object({ name: z.string() })) }), 'Every base'), ...problems },
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
    app.openapi(list, async (context) => {
      const names = await listBases(roots);
      return context.json({ items: names.map((name) => ({ name })) }, 200);
    });
    app.openapi(serve, async (context) => {
      const base = await resolveBase(roots, context.req.valid('param').name);
      const { served, digest } = await ensureBaseServed(imports, base, { signal: context.req.raw.signal });
      return context.json({ model: served, digest }, 200);
    });
  };
}
