import { createRoute, z } from '@hono/zod-openapi';
import type { HealthState, Provider } from '../providers/types.ts';
import type { Routes } from './context.ts';
import { type Probe, runProbe } from './probes.ts';
import { json, problems } from './schemas.ts';

const state = z.enum(['green', 'yellow', 'red']);
const part = z.object({ state, reason: z.string() });

const health = createRoute({
  method: 'get',
  path: '/api/health',
  tags: ['Health'],
  responses: {
    200: json(z.object({ state, version: z.string(), parts: z.record(z.string(), part) }), 'How every part is'),
    ...problems,
  },
});

const provider = z
  .object({
    name: z.string(),
    kind: z.string(),
    locality: z.enum(['local', 'remote']),
    state,
    reason: z.string(),
    version: z.string().nullable(),
    models: z.int().nullable(),
  })
  .openapi('Provider');

const providers = createRoute({
  method: 'get',
  path: '/api/providers',
  tags: ['Health'],
  responses: { 200: json(z.object({ items: z.array(provider) }), 'Every provider and how it is'), ...problems },
});

export interface HealthDeps {
  version: string;
  probes: Readonly<Record<string, Probe>>;
  providers: readonly Provider[];
}

/** `GET /api/health` and `/api/providers`. */
export function healthRoutes(deps: HealthDeps): Routes {
  return (app) => {
    app.openapi(health, async (context) => {
      const entries = await Promise.all(
        Object.entries(deps.probes).map(async ([name, probe]) => [name, await runProbe(probe)] as const),
      );
      const overall = worst(entries.map(([, found]) => found.state));
      return context.json({ state: overall, version: deps.version, parts: Object.fromEntries(entries) }, 200);
    });
    app.openapi(providers, async (context) => {
      const { signal } = context.req.raw;
      const items = await Promise.all(
        deps.providers.map(async (one) => {
          const { name, kind, locality } = one;
          const found = await one.health({ signal });
          const { version = null, models = null, ...rest } = found;
          return { name, kind, locality, ...rest, version, models };
        }),
      );
      return context.json({ items }, 200);
    });
  };
}

function worst(states: readonly HealthState[]): HealthState {
  if (states.includes('red')) return 'red';
  return states.includes('yellow') ? 'yellow' : 'green';
}
