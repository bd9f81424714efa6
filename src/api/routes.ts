import { createRoute, z } from '@hono/zod-openapi';
import { recordModes } from '../core/access.ts';
import { type RouteSettings, type Settings, localities, strategies } from '../core/settings.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { explain } from '../gateway/routing/explain.ts';
import { deploymentsOf } from '../gateway/routing/members.ts';
import type { Routes } from './context.ts';
import { json, problems } from './schemas.ts';

const routeView = z
  .object({
    name: z.string(),
    strategy: z.enum(strategies),
    deployments: z.array(z.object({ model: z.string(), weight: z.number(), tags: z.array(z.string()) })),
    fallback: z.array(z.string()),
    egress: z.enum(['allow', 'deny']),
    record: z.enum(recordModes),
  })
  .openapi('Route');

const explanation = z
  .object({
    asked: z.string(),
    route: z.string().nullable(),
    forced: z.string().nullable(),
    record: z.enum(recordModes),
    targets: z.array(
      z.object({
        ref: z.string(),
        locality: z.enum(localities),
        turn: z.enum(['now', 'last', 'skipped']),
        reason: z.string().nullable(),
        in_flight: z.int(),
        first_piece_ms: z.number().nullable(),
      }),
    ),
    left_out: z.array(z.object({ ref: z.string(), reason: z.string() })),
  })
  .openapi('RouteExplanation');

const list = createRoute({
  method: 'get',
  path: '/api/routes',
  tags: ['Routing'],
  summary: 'Routes of ratchet.json, and what holds for every call',
  responses: {
    200: json(
      z.object({
        items: z.array(routeView),
        force: z.string().nullable(),
        fallback: z.array(z.string()),
        aliases: z.record(z.string(), z.string()),
      }),
      'The routes',
    ),
    ...problems,
  },
});

const explainRoute = createRoute({
  method: 'get',
  path: '/api/routes/{name}/explain',
  tags: ['Routing'],
  summary: 'What would be asked for a model now, in which order, and what is left out and why; nobody is asked',
  request: {
    params: z.object({ name: z.string().min(1).max(300) }),
    query: z.object({ tags: z.string().max(2_000).optional(), stream: z.enum(['true', 'false']).optional() }),
  },
  responses: { 200: json(explanation, 'The plan'), ...problems },
});

/** `GET /api/routes` and `GET /api/routes/{name}/explain`; a name is whatever a client may ask for as a model. */
export function routeRoutes({ gateway, settings }: { gateway: Gateway; settings: () => Settings }): Routes {
  return (app) => {
    app.openapi(list, (context) => {
      const { routes, routing, aliases } = settings();
      const items = [...routes].map(([name, route]) => present(name, route));
      const { force, fallback } = routing;
      return context.json({ items, force, fallback: [...fallback], aliases: Object.fromEntries(aliases) }, 200);
    });
    app.openapi(explainRoute, async (context) => {
      const { name } = context.req.valid('param');
      const { tags, stream } = context.req.valid('query');
      const { targets, leftOut, ...rest } = await explain(gateway, { asked: name, tags, stream: stream === 'true' });
      const shown = targets.map(({ inFlight, firstPieceMs, ...target }) => {
        return { ...target, in_flight: inFlight, first_piece_ms: firstPieceMs };
      });
      return context.json({ ...rest, targets: shown, left_out: [...leftOut] }, 200);
    });
  };
}

function present(name: string, route: RouteSettings): z.infer<typeof routeView> {
  const { strategy = 'order', fallback, egress, record = 'all' } = route;
  const deployments = deploymentsOf(route).map(({ model, weight, tags }) => ({ model, weight, tags: [...tags] }));
  return { name, strategy, deployments, fallback: [...fallback], egress, record };
}
