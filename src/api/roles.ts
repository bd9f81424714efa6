import type { OpenAPIHono } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { type Principal, type Role, includesRole } from '../core/access.ts';
import { RatchetError } from '../core/errors.ts';
import type { AppEnv } from './context.ts';
import { type Guard, honoHeaders } from './guard.ts';

/**
 * Who may call what: the least role for each route, by method and OpenAPI path. A route that is not here is an admin's.
 * `rate` reads and erases what is its owner's; the routes themselves let `operate` see everybody's.
 */
export const routeRoles: Readonly<Record<string, Role | 'open'>> = {
  'GET /healthz': 'open',
  'GET /openapi.json': 'open',

  'POST /v1/chat/completions': 'chat',
  'POST /v1/completions': 'chat',
  'POST /v1/responses': 'chat',
  'POST /v1/embeddings': 'chat',
  'GET /v1/models': 'chat',
  'GET /v1/models/{ref}': 'chat',
  'GET /api/health': 'chat',
  'GET /api/providers': 'chat',
  'GET /api/gpu': 'chat',
  'GET /api/prices': 'chat',

  'GET /api/usage': 'rate',
  'GET /api/completions': 'rate',
  'GET /api/completions/{id}': 'rate',
  'DELETE /api/completions/{id}': 'rate',
  'GET /api/completions/{id}/lineage': 'rate',
  'GET /api/completions/export': 'rate',
  'POST /api/completions/import': 'operate',
  'GET /api/conversations': 'rate',
  'GET /api/conversations/{id}': 'rate',
  'DELETE /api/conversations/{id}': 'rate',
  'POST /api/feedback': 'rate',
  'POST /api/feedback/{id}/undo': 'rate',
  'GET /api/feedback': 'operate',
  'GET /api/feedback/{id}/diff': 'rate',
  'POST /api/review/next': 'rate',
  'POST /api/review/release': 'rate',
  'GET /api/review/agreement': 'operate',
  'POST /api/signals': 'rate',
  'POST /api/import': 'operate',
  'POST /feedback': 'rate',
  'GET /api/prompts': 'chat',
  'GET /api/prompts/{name}': 'chat',
  'GET /api/prompts/{name}/versions': 'chat',
  'POST /api/prompts/{name}/render': 'chat',
  'PUT /api/prompts/{name}': 'operate',
  'DELETE /api/prompts/{name}': 'operate',

  'POST /api/comparisons': 'rate',
  'GET /api/comparisons': 'rate',
  'GET /api/comparisons/{id}': 'rate',
  'POST /api/comparisons/{id}/choice': 'rate',

  'GET /metrics': 'operate',
  'GET /api/routes': 'operate',
  'GET /api/routes/{name}/explain': 'operate',
  'GET /api/bases': 'operate',
  'POST /api/bases/{name}/serve': 'operate',
  'GET /api/cycles': 'operate',
  'POST /api/cycles': 'operate',
  'GET /api/cycles/{id}': 'operate',
  'GET /api/cycles/{id}/events': 'operate',
  'POST /api/cycles/estimate': 'operate',
  'GET /api/cycles/{id}/curve': 'operate',
  'GET /api/cycles/{id}/evaluation': 'operate',
  'GET /api/cycles/{id}/evidence': 'operate',
  'POST /api/cycles/{id}/retry': 'operate',
  'POST /api/cycles/{id}/abort': 'operate',
  'POST /api/cycles/{id}/approve': 'operate',
  'GET /api/forget': 'operate',
  'POST /api/forget': 'operate',
  'GET /api/datasets': 'operate',
  'GET /api/datasets/{digest}': 'operate',
  'POST /api/datasets/preview': 'operate',
  'GET /api/datasets/{digest}/diff': 'operate',
  'GET /api/datasets/{digest}/left-out': 'operate',
  'GET /api/datasets/{digest}/export': 'operate',
  'GET /api/datasets/{digest}/{file}': 'operate',
  'GET /api/datasets/{digest}/rows/{id}/lineage': 'operate',
  'GET /api/datasets/{digest}/rows/{id}/tokens': 'operate',
  'GET /api/models': 'operate',
  'GET /api/models/{id}': 'operate',
  'POST /api/models/{name}/export': 'operate',
  'GET /api/exports/{id}': 'operate',
  'GET /api/promotions': 'operate',
  'POST /api/promotions': 'operate',
  'POST /api/promotions/rollback': 'operate',

  'GET /api/ollama/models': 'chat',
  'GET /api/ollama/models/{name}': 'operate',
  'DELETE /api/ollama/models/{name}': 'operate',
  'POST /api/ollama/copy': 'operate',
  'GET /api/ollama/ps': 'operate',
  'POST /api/ollama/unload': 'operate',
  'POST /api/ollama/pull': 'operate',
  'GET /api/ollama/jobs': 'operate',
  'GET /api/ollama/jobs/{id}': 'operate',
  'GET /api/ollama/jobs/{id}/events': 'operate',
  'POST /api/ollama/jobs/{id}/cancel': 'operate',
  'POST /api/ollama/push': 'admin',
  'POST /api/ollama/create': 'admin',
  'GET /api/ollama/blobs/{digest}': 'admin',
  'POST /api/ollama/blobs/{digest}': 'admin',

  'GET /api/keys': 'admin',
  'POST /api/keys': 'admin',
  'GET /api/keys/{id}': 'admin',
  'PATCH /api/keys/{id}': 'admin',
  'DELETE /api/keys/{id}': 'admin',
  'POST /api/keys/{id}/rotate': 'admin',
  'GET /api/teams': 'admin',
  'PUT /api/teams/{name}': 'admin',
};

type Document = ReturnType<OpenAPIHono['getOpenAPI31Document']>;

function roleOf(route: string): Role | 'open' {
  return routeRoles[route] ?? 'admin';
}

/** Says who sent a request, and lets it in where its role is enough. What is nowhere asks for a key all the same. */
export function checkRole(guard: Guard): MiddlewareHandler<AppEnv> {
  return async (context, next) => {
    // Hono answers HEAD by the route of GET.
    const asked = context.req.method === 'HEAD' ? 'GET' : context.req.method;
    const route = matchedRoutes(context).findLast(({ method }) => method === asked);
    const needed = route ? roleOf(`${route.method} ${openApiPath(route.path)}`) : 'chat';
    if (needed !== 'open') {
      const principal = guard.authenticate(honoHeaders(context));
      requireRole(principal, needed);
      context.set('principal', principal);
      context.set('owner', principal.owner);
    }
    await next();
  };
}

/** Throws Unauthorized, 403. `what` ends the sentence "Only a key with the role … may". */
export function requireRole({ role }: Principal, needed: Role, what = 'do this'): void {
  if (includesRole(role, needed)) return;
  const message = `Only a key with the role "${needed}" may ${what}, and yours has "${role}": ask an admin for one.`;
  throw new RatchetError('Unauthorized', message, { details: { httpStatus: 403 } });
}

/** Whose chats somebody may see and rate; null is everybody's. */
export function visibleOwner({ owner, role }: Principal): string | null {
  return includesRole(role, 'operate') ? null : owner;
}

/** Adds to an OpenAPI document what each route asks for: `x-role`, and the key. */
export function withRoles(document: Document): Document {
  const described = (path: string, method: string, operation: object) => {
    const role = roleOf(`${method.toUpperCase()} ${path}`);
    return { ...operation, 'x-role': role, security: role === 'open' ? [] : [{ key: [] }] };
  };
  const paths = Object.entries(document.paths ?? {}).map(([path, item]) => [
    path,
    Object.fromEntries(
      Object.entries(item as Record<string, object>).map(([method, one]) => [method, described(path, method, one)]),
    ),
  ]);
  const securitySchemes = { key: { type: 'http', scheme: 'bearer' } as const };
  return { ...document, paths: Object.fromEntries(paths), components: { ...document.components, securitySchemes } };
}

/** Hono's `/x/:id` and `/x/:ref{.+}` as OpenAPI writes them. */
function openApiPath(path: string): string {
  return path.replace(/:(\w+)(\{[^}]*\})?/g, '{$1}');
}
