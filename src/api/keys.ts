import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Logger } from 'pino';
import { type Budget, type RateLimits, recordModes, roles } from '../core/access.ts';
import type { KeyChange, KeyDesk } from '../gateway/access/desk.ts';
import type { AccessLimits } from '../gateway/access/limits.ts';
import type { ApiKeyRecord, TeamRecord } from '../store/types.ts';
import type { AppEnv, Routes } from './context.ts';
import { isoTime } from './present.ts';
import { json, problems } from './schemas.ts';

const nanos = 1e9;

const name = z
  .string()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N} ._@+-]{0,63}$/u,
    'use 1 to 64 letters, digits, spaces and ._@+-, a letter or digit first',
  );
const perMinute = z.int().min(1).max(1e12).nullable();
const time = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .refine((at) => at > Date.now(), 'is in the past');

const budget = z
  .strictObject({
    limit_usd: z.number().positive().max(1e6),
    per: z.enum(['day', 'month', 'total']).openapi({ description: 'Days and months begin at 00:00 UTC.' }),
    over: z
      .string()
      .regex(/^(stop|[^/\s]+\/\S+)$/, 'use "stop" or a model ref such as ollama/qwen2.5:0.5b')
      .default('stop')
      .openapi({ description: 'When it is spent: `stop`, or a model ref that is asked instead.' }),
  })
  .openapi('Budget');

const limits = { requests_per_minute: perMinute, tokens_per_minute: perMinute, budget: budget.nullable() };
const spentBudget = z.object({ limit_usd: z.number(), per: z.string(), over: z.string(), spent_usd: z.number() });

const apiKey = z
  .object({
    id: z.string(),
    name: z.string(),
    owner: z.string(),
    team: z.string().nullable(),
    role: z.enum(roles),
    requests_per_minute: perMinute,
    tokens_per_minute: perMinute,
    budget: spentBudget.nullable(),
    record: z.enum(recordModes),
    created_at: z.string(),
    expires_at: z.string().nullable(),
    revoked_at: z.string().nullable(),
    last_used_at: z.string().nullable(),
  })
  .openapi('ApiKey');

const issued = apiKey
  .extend({ key: z.string().openapi({ description: 'Shown this once: only its hash is kept.' }) })
  .openapi('IssuedApiKey');

const team = z
  .object({
    name: z.string(),
    requests_per_minute: perMinute,
    tokens_per_minute: perMinute,
    budget: spentBudget.nullable(),
    created_at: z.string(),
  })
  .openapi('Team');

const newKey = z
  .strictObject({
    name,
    owner: name.optional().openapi({ description: 'The person or program that it belongs to; `name` unless given.' }),
    team: name.nullable().default(null),
    role: z.enum(roles).default('chat'),
    requests_per_minute: perMinute.default(null),
    tokens_per_minute: perMinute.default(null),
    budget: budget.nullable().default(null),
    record: z.enum(recordModes).default('all').openapi({ description: 'How much of its chats is kept.' }),
    expires_at: time.nullable().default(null),
  })
  .openapi('NewApiKey');

const change = z
  .strictObject({
    team: name.nullable(),
    role: z.enum(roles),
    ...limits,
    record: z.enum(recordModes),
    expires_at: time.nullable(),
  })
  .partial()
  .openapi('ApiKeyChange');

const teamBody = z
  .strictObject({
    requests_per_minute: perMinute.default(null),
    tokens_per_minute: perMinute.default(null),
    budget: budget.nullable().default(null),
  })
  .openapi('TeamLimits');

const tags = ['Keys'];
const byId = { params: z.object({ id: z.string() }) };
const body = <S extends z.ZodType>(schema: S) => ({
  required: true,
  content: { 'application/json': { schema } },
});

const create = createRoute({
  method: 'post',
  path: '/api/keys',
  tags,
  summary: 'Create a key; its secret is shown this once',
  request: { body: body(newKey) },
  responses: { 201: json(issued, 'The key'), ...problems },
});

const list = createRoute({
  method: 'get',
  path: '/api/keys',
  tags,
  responses: {
    200: json(z.object({ items: z.array(apiKey) }), 'Every key, revoked ones too, oldest first'),
    ...problems,
  },
});

const read = createRoute({
  method: 'get',
  path: '/api/keys/{id}',
  tags,
  request: byId,
  responses: { 200: json(apiKey, 'The key, without its secret'), ...problems },
});

const patch = createRoute({
  method: 'patch',
  path: '/api/keys/{id}',
  tags,
  summary: 'Change what is named',
  request: { ...byId, body: body(change) },
  responses: { 200: json(apiKey, 'The key as it is now'), ...problems },
});

const revoke = createRoute({
  method: 'delete',
  path: '/api/keys/{id}',
  tags,
  summary: 'Revoke a key: it is refused from now on',
  request: byId,
  responses: { 200: json(apiKey, 'The revoked key'), ...problems },
});

const rotate = createRoute({
  method: 'post',
  path: '/api/keys/{id}/rotate',
  tags,
  summary: 'Give a key a new secret, shown this once; the old one is refused from now on',
  request: byId,
  responses: { 200: json(issued, 'The key'), ...problems },
});

const putTeam = createRoute({
  method: 'put',
  path: '/api/teams/{name}',
  tags,
  summary: 'Make a team, or set its limits anew',
  request: { params: z.object({ name }), body: body(teamBody) },
  responses: { 200: json(team, 'The team as it is now'), ...problems },
});

const listTeams = createRoute({
  method: 'get',
  path: '/api/teams',
  tags,
  responses: { 200: json(z.object({ items: z.array(team) }), 'Every team by name'), ...problems },
});

export interface KeyRouteDeps {
  desk: KeyDesk;
  limits: Pick<AccessLimits, 'spentByKey' | 'spentByTeam'>;
  log: Pick<Logger, 'info'>;
}

/** `/api/keys` and `/api/teams`. */
export function keyRoutes({ desk, limits: spending, log }: KeyRouteDeps): Routes {
  const show = (key: ApiKeyRecord) => presentKey(key, spending.spentByKey(key.id));
  const showTeam = (one: TeamRecord) => presentTeam(one, spending.spentByTeam(one.name));
  const tell = createTeller(log);
  return (app) => {
    app.openapi(create, async (context) => {
      const { owner, expires_at: expiresAt, ...given } = context.req.valid('json');
      const { name: named, team: inTeam, role, record: mode } = given;
      const { record, key } = await desk.create({
        name: named,
        owner: owner ?? named,
        team: inTeam,
        role,
        limits: toLimits(given),
        budget: toBudget(given.budget),
        record: mode,
        expiresAt,
      });
      tell(context, 'issued', record);
      return context.json({ ...show(record), key }, 201);
    });
    app.openapi(list, async (context) => context.json({ items: (await desk.list()).map(show) }, 200));
    app.openapi(read, async (context) => context.json(show(await desk.get(context.req.valid('param').id)), 200));
    app.openapi(patch, async (context) => {
      const { id } = context.req.valid('param');
      const given = context.req.valid('json');
      const record = await desk.update(id, toChange(await desk.get(id), given));
      tell(context, 'changed', record, Object.keys(given));
      return context.json(show(record), 200);
    });
    app.openapi(revoke, async (context) => {
      const record = await desk.revoke(context.req.valid('param').id);
      tell(context, 'revoked', record);
      return context.json(show(record), 200);
    });
    app.openapi(rotate, async (context) => {
      const { record, key } = await desk.rotate(context.req.valid('param').id);
      tell(context, 'rotated', record);
      return context.json({ ...show(record), key }, 200);
    });
    app.openapi(putTeam, async (context) => {
      const given = context.req.valid('json');
      const set = { name: context.req.valid('param').name, limits: toLimits(given), budget: toBudget(given.budget) };
      const record = await desk.putTeam(set);
      log.info({ ...whoDid(context), team: record.name }, 'a team was set');
      return context.json(showTeam(record), 200);
    });
    app.openapi(listTeams, async (context) => context.json({ items: (await desk.teams()).map(showTeam) }, 200));
  };
}

type KeyEvent = 'issued' | 'changed' | 'revoked' | 'rotated';

/** Says in the log who did what to which key; `fields` are the names of what was changed. */
function createTeller(log: KeyRouteDeps['log']) {
  return (context: Context<AppEnv>, event: KeyEvent, record: ApiKeyRecord, fields?: string[]): void => {
    const { id, name: named, owner, role } = record;
    const key = { id, name: named, owner, role };
    log.info({ ...whoDid(context), key, ...(fields && { fields }) }, `an API key was ${event}`);
  };
}

function whoDid(context: Context<AppEnv>): object {
  const { owner, keyId } = context.get('principal');
  return { request: context.get('requestId'), by: { owner, key: keyId } };
}

type GivenLimits = Pick<z.infer<typeof newKey>, 'requests_per_minute' | 'tokens_per_minute'>;

function toLimits({ requests_per_minute: rpm, tokens_per_minute: tpm }: GivenLimits): RateLimits {
  return { rpm, tpm };
}

function toBudget(given: z.infer<typeof budget> | null): Budget | null {
  return given && { limitNanos: Math.round(given.limit_usd * nanos), per: given.per, over: given.over };
}

function toChange({ limits: before }: ApiKeyRecord, given: z.infer<typeof change>): KeyChange {
  const { requests_per_minute: rpm = before.rpm, tokens_per_minute: tpm = before.tpm } = given;
  return {
    limits: { rpm, tpm },
    ...(given.team !== undefined && { team: given.team }),
    ...(given.role !== undefined && { role: given.role }),
    ...(given.budget !== undefined && { budget: toBudget(given.budget) }),
    ...(given.record !== undefined && { record: given.record }),
    ...(given.expires_at !== undefined && { expiresAt: given.expires_at }),
  };
}

function presentKey(key: ApiKeyRecord, spent: number | null): z.infer<typeof apiKey> {
  return {
    id: key.id,
    name: key.name,
    owner: key.owner,
    team: key.team,
    role: key.role,
    ...presentLimits(key, spent),
    record: key.record,
    created_at: isoTime(key.createdAt),
    expires_at: optionalTime(key.expiresAt),
    revoked_at: optionalTime(key.revokedAt),
    last_used_at: optionalTime(key.lastUsedAt),
  };
}

function presentTeam(one: TeamRecord, spent: number | null): z.infer<typeof team> {
  return { name: one.name, ...presentLimits(one, spent), created_at: isoTime(one.createdAt) };
}

function presentLimits(
  { limits: { rpm, tpm }, budget: given }: Pick<TeamRecord, 'limits' | 'budget'>,
  spent: number | null,
) {
  const { limitNanos = 0, per = 'day', over = 'stop' } = given ?? {};
  const shown = { limit_usd: limitNanos / nanos, per, over, spent_usd: (spent ?? 0) / nanos };
  return { requests_per_minute: rpm, tokens_per_minute: tpm, budget: given && shown };
}

function optionalTime(at: number | null): string | null {
  return at === null ? null : isoTime(at);
}
