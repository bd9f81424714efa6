import { randomUUID } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Logger } from 'pino';
import { RatchetError } from '../core/errors.ts';
import { type AddFeedback, createUndoFeedback } from '../feedback/add.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { Provider } from '../providers/types.ts';
import type { Store } from '../store/types.ts';
import { completionRoutes } from './completions.ts';
import type { App, AppEnv, Routes } from './context.ts';
import { errorResponse, refuseInvalid } from './errors.ts';
import { feedbackRoutes } from './feedback.ts';
import { type Guard, checkSender } from './guard.ts';
import { type HealthDeps, healthRoutes } from './health.ts';
import { createHealthWatch } from './health-watch.ts';
import type { Probe } from './probes.ts';
import { checkRole, withRoles } from './roles.ts';
import { importRoutes } from './imports.ts';
import { tensorZeroRoutes } from './tensorzero.ts';
import { transferRoutes } from './transfer/routes.ts';
import { v1Routes } from './v1/models.ts';

export interface AppDeps {
  store: Pick<Store, 'chats' | 'feedback' | 'signals'>;
  gateway: Gateway;
  providers: readonly Provider[];
  addFeedback: AddFeedback;
  /** What stands before every route. */
  guard: Guard;
  version: string;
  /** Parts of `GET /api/health` that are asked each time, by name. */
  probes: Readonly<Record<string, Probe>>;
  /** What is watched beside them, and what is seen of the providers; they are looked at once when somebody asks unless given. */
  health?: Omit<HealthDeps, 'version' | 'direct' | 'facts'>;
  log: Logger;
  /** Further resources. Who may call them is in `roles.ts`. */
  routes?: readonly Routes[];
}

/** Machines ask these every few seconds: their lines would bury all others. */
const polled: ReadonlySet<string> = new Set(['/metrics', '/healthz']);

/** Builds the HTTP API; `serveApi` binds it to a port, and `app.request()` calls it without one. */
export function createApp(deps: AppDeps): App {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: refuseInvalid });
  app.use(async (context, next) => {
    context.set('requestId', randomUUID());
    const started = performance.now();
    await next();
    const ms = Math.round(performance.now() - started);
    const { method, path } = context.req;
    const level = polled.has(path) && context.res.ok ? 'debug' : 'info';
    deps.log[level]({ request: context.get('requestId'), method, path, status: context.res.status, ms }, 'request');
  });
  app.onError((error, context) => errorResponse(context, error, deps.log));
  app.notFound((context) => errorResponse(context, noRoute(context.req.method, context.req.path), deps.log));
  app.use(checkSender(deps.guard), checkRole(deps.guard));
  app.get('/healthz', (context) => context.text('ok'));
  const resources: Routes[] = [
    v1Routes(deps.gateway),
    feedbackRoutes({
      ...deps.store,
      addFeedback: deps.addFeedback,
      undoFeedback: createUndoFeedback(deps.store),
    }),
    tensorZeroRoutes({ addFeedback: deps.addFeedback, chats: deps.store.chats }),
    // Before those that take any id.
    transferRoutes(deps.store),
    importRoutes(deps.store),
    completionRoutes(deps.store),
    healthRoutes(healthOf(deps)),
    ...(deps.routes ?? []),
  ];
  for (const addTo of resources) addTo(app);
  const described = { openapi: '3.1.0', info: { title: 'Ratchet', version: deps.version } };
  app.get('/openapi.json', (context) => context.json(withRoles(app.getOpenAPI31Document(described))));
  return app;
}

function healthOf(deps: AppDeps): HealthDeps {
  const { capabilities } = deps.gateway;
  const nothing = { abilities: {} };
  return {
    ...(deps.health ?? { watch: createHealthWatch({ providers: () => deps.providers, parts: {} }) }),
    facts: (provider, model) => capabilities?.facts(provider, model) ?? nothing,
    version: deps.version,
    direct: deps.probes,
  };
}

function noRoute(method: string, path: string): RatchetError {
  return new RatchetError('NotFound', `There is no ${method} ${path.slice(0, 200)}: /openapi.json lists every route.`);
}
