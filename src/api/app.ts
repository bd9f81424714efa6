import { randomUUID } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Logger } from 'pino';
import { RatchetError } from '../core/errors.ts';
import type { AddFeedback } from '../feedback/add.ts';
import type { Gateway } from '../gateway/chat.ts';
import type { Provider } from '../providers/types.ts';
import type { Store } from '../store/types.ts';
import { completionRoutes } from './completions.ts';
import type { App, AppEnv, Routes } from './context.ts';
import { errorResponse, refuseInvalid } from './errors.ts';
import { feedbackRoutes } from './feedback.ts';
import { checkHost, checkKey, checkOrigin } from './guard.ts';
import { healthRoutes } from './health.ts';
import type { Probe } from './probes.ts';
import { v1Routes } from './v1.ts';

export interface AppDeps {
  store: Pick<Store, 'chats' | 'feedback'>;
  gateway: Gateway;
  providers: readonly Provider[];
  addFeedback: AddFeedback;
  /** The address that the server is bound to; requests for other hosts than it and loopback are refused. */
  host: string;
  apiKey: string | null;
  version: string;
  /** Parts of `GET /api/health`, by name. */
  probes: Readonly<Record<string, Probe>>;
  log: Logger;
  /** Further resources. Those under `/api` and `/v1` are behind the API key, everything else is open. */
  routes?: readonly Routes[];
}

/** Builds the HTTP API; `serveApi` binds it to a port, and `app.request()` calls it without one. */
export function createApp(deps: AppDeps): App {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: refuseInvalid });
  app.use(async (context, next) => {
    context.set('requestId', randomUUID());
    const started = performance.now();
    await next();
    const ms = Math.round(performance.now() - started);
    const { method, path } = context.req;
    deps.log.info({ request: context.get('requestId'), method, path, status: context.res.status, ms }, 'request');
  });
  app.onError((error, context) => errorResponse(context, error, deps.log));
  app.notFound((context) => errorResponse(context, noRoute(context.req.method, context.req.path), deps.log));
  app.use(checkHost(deps.host), checkOrigin());
  app.get('/healthz', (context) => context.text('ok'));
  for (const path of ['/v1/*', '/api/*']) app.use(path, checkKey(deps.apiKey));
  const resources: Routes[] = [
    v1Routes(deps.gateway),
    feedbackRoutes(deps.addFeedback),
    completionRoutes(deps.store),
    healthRoutes(deps),
    ...(deps.routes ?? []),
  ];
  for (const addTo of resources) addTo(app);
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'Ratchet', version: deps.version } });
  return app;
}

function noRoute(method: string, path: string): RatchetError {
  return new RatchetError('NotFound', `There is no ${method} ${path.slice(0, 200)}: /openapi.json lists every route.`);
}
