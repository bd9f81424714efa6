import { createRoute, z } from '@hono/zod-openapi';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { closedStates, steps } from '../core/cycle.ts';
import { RatchetError } from '../core/errors.ts';
import { readEvents } from '../store/event-log.ts';
import type { Recipe } from '../core/recipe.ts';
import { outputsThatCount } from '../store/steps.ts';
import type { CycleRecord, Store } from '../store/types.ts';
import type { CycleService } from '../temporal/cycles.ts';
import type { App, Routes } from './context.ts';
import { atOneMoment } from './cycle-moment.ts';
import { type RecipeFinders, recipeOf, startRequest } from './cycle-request.ts';
import { json, problems } from './schemas.ts';

export interface CycleRouteDeps extends RecipeFinders {
  store: Store;
  cycles: CycleService;
  dataDir: string;
}

const states = [
  'queued',
  'running',
  'needs_attention',
  'awaiting_approval',
  'interrupted',
  'completed',
  'aborted',
  'expired',
] as const;
const cycleId = z.uuid('give the id of a cycle');
const params = z.object({ id: cycleId });
const cycleSchema = z
  .looseObject({ id: z.string(), state: z.enum(states), step: z.enum(steps).nullable() })
  .openapi('Cycle');
const person = z.strictObject({ by: z.string().max(200).optional(), reason: z.string().max(1000).optional() });
const retryRequest = z.strictObject({
  patch: z.record(z.string(), z.unknown()).optional(),
  from: z.enum(steps).optional(),
});

/** `/api/cycles`: start, list, read, watch and steer cycles. */
export function cycleRoutes(deps: CycleRouteDeps): Routes {
  return (app) => addTo(app, deps);
}

function addTo(app: App, deps: CycleRouteDeps): void {
  app.openapi(startRoute, async (c) => {
    const recipe = await recipeOf(c.req.valid('json'), deps);
    const { cycle, position } = await deps.cycles.start(recipe, {
      queue: c.req.valid('query').queue !== 'false',
    });
    return c.json({ ...view(cycle), position }, 202, { location: `/api/cycles/${cycle.id}` });
  });
  app.openapi(listRoute, async (c) => {
    const { state, limit, cursor } = c.req.valid('query');
    const filter = state ? { states: [state] } : {};
    const page = await deps.store.cycles.list(filter, { limit, order: 'desc', ...(cursor && { cursor }) });
    return c.json({ items: page.items.map(view), next: page.next }, 200);
  });
  app.openapi(readRoute, async (c) => c.json(await detail(deps, c.req.valid('param').id), 200));
  app.openapi(eventsRoute, (c) => {
    const { id } = c.req.valid('param');
    const from = Number(c.req.header('last-event-id') ?? c.req.valid('query').from);
    return streamSSE(c, (stream) => follow(deps, id, Number.isSafeInteger(from) && from > 0 ? from : 0, stream));
  });
  app.openapi(evaluationRoute, async (c) => {
    const { evaluate } = await outputsOf(deps, c.req.valid('param').id);
    if (!evaluate) throw notYet('evaluated');
    return c.json(await deps.store.blobs.getJson<Record<string, unknown>>(evaluate.evaluation), 200);
  });
  app.openapi(evidenceRoute, async (c) => {
    const { gate } = await outputsOf(deps, c.req.valid('param').id);
    if (!gate) throw notYet('judged');
    return c.json(await deps.store.blobs.getJson<Record<string, unknown>>(gate.evidence), 200);
  });
  app.openapi(retryRoute, async (c) =>
    c.json(await deps.cycles.retry(c.req.valid('param').id, c.req.valid('json')), 200),
  );
  app.openapi(abortRoute, async (c) =>
    c.json(await deps.cycles.abort(c.req.valid('param').id, c.req.valid('json')), 200),
  );
  app.openapi(approveRoute, async (c) =>
    c.json(await deps.cycles.approve(c.req.valid('param').id, c.req.valid('json')), 200),
  );
}

const startRoute = createRoute({
  method: 'post',
  path: '/api/cycles',
  summary: 'Start a cycle from a recipe, or the name of one; it stands in line when its base is busy',
  request: {
    query: z.object({ queue: z.enum(['true', 'false']).default('true') }),
    body: { required: true, content: { 'application/json': { schema: startRequest } } },
  },
  responses: { 202: json(cycleSchema, 'The cycle, with its position in line'), ...problems },
});

const listRoute = createRoute({
  method: 'get',
  path: '/api/cycles',
  summary: 'Cycles, newest first',
  request: {
    query: z.object({
      state: z.enum(states).optional(),
      limit: z.coerce.number().int().min(1).max(200).default(50),
      cursor: z.string().optional(),
    }),
  },
  responses: { 200: json(z.object({ items: z.array(cycleSchema), next: z.string().nullable() }), 'A page of cycles') },
});

const readRoute = createRoute({
  method: 'get',
  path: '/api/cycles/{id}',
  summary: 'One cycle with its steps, recipe and place in line',
  request: { params },
  responses: { 200: json(cycleSchema, 'The cycle'), ...problems },
});

const eventsRoute = createRoute({
  method: 'get',
  path: '/api/cycles/{id}/events',
  summary: 'Progress as server-sent events; resumes after Last-Event-ID, ends when the cycle is closed',
  request: { params, query: z.object({ from: z.string().default('0') }) },
  responses: { 200: { description: 'Events', content: { 'text/event-stream': { schema: z.string() } } } },
});

const evaluationRoute = createRoute({
  method: 'get',
  path: '/api/cycles/{id}/evaluation',
  summary: 'Every prompt with the answers and scores of candidate, base and opponent',
  request: { params },
  responses: { 200: json(z.looseObject({}), 'The evaluation'), ...problems },
});

const evidenceRoute = createRoute({
  method: 'get',
  path: '/api/cycles/{id}/evidence',
  summary: 'What the gate decided, and on what evidence',
  request: { params },
  responses: { 200: json(z.looseObject({}), 'The evidence'), ...problems },
});

const retryRoute = steering('retry', 'Run the failed step again, with an optional patch to the recipe', retryRequest);
const abortRoute = steering('abort', 'End the cycle and keep what is selected', person);
const approveRoute = steering('approve', 'Promote the candidate of a cycle that awaits approval', person);

function steering<V extends 'retry' | 'abort' | 'approve', S extends z.ZodType>(verb: V, summary: string, schema: S) {
  return createRoute({
    method: 'post',
    path: `/api/cycles/{id}/${verb}` as const,
    summary,
    request: { params, body: { required: true, content: { 'application/json': { schema } } } },
    responses: { 200: json(z.looseObject({}), 'What was done'), ...problems },
  });
}

async function outputsOf(deps: CycleRouteDeps, id: string) {
  await known(deps, id);
  return deps.store.cycles.finishedOutputs(id);
}

function notYet(what: string): RatchetError {
  return new RatchetError('NotFound', `This cycle has not been ${what} yet: watch it with "ratchet cycle watch".`);
}

async function known({ store }: CycleRouteDeps, id: string): Promise<CycleRecord> {
  const cycle = await store.cycles.get(id);
  if (!cycle) throw new RatchetError('NotFound', `There is no cycle ${id}: GET /api/cycles lists them.`);
  return cycle;
}

async function detail(deps: CycleRouteDeps, id: string) {
  const { cycle, calls } = await atOneMoment(deps.store.cycles, await known(deps, id));
  const [position, recipe] = await Promise.all([
    deps.cycles.position(cycle),
    deps.store.blobs.getJson<Recipe>(cycle.recipe),
  ]);
  const seconds = calls.map((call) => ({
    step: call.step,
    key: call.key,
    attempt: call.attempt,
    state: call.state,
    seconds: call.finishedAt === null ? null : (call.finishedAt - call.startedAt) / 1000,
    error: call.error,
  }));
  return {
    ...view(cycle),
    position,
    outputs: outputsThatCount(calls),
    steps: seconds,
    recipe_resolved: { ...recipe, evaluate: { ...recipe.evaluate, suite: recipe.evaluate.suite?.length ?? null } },
  };
}

function view(cycle: CycleRecord) {
  return {
    id: cycle.id,
    name: cycle.name,
    base: cycle.base,
    state: cycle.state,
    step: cycle.step,
    recipe: cycle.recipe,
    attention: cycle.attention,
    result: cycle.result,
    created_at: new Date(cycle.createdAt).toISOString(),
    finished_at: cycle.finishedAt === null ? null : new Date(cycle.finishedAt).toISOString(),
  };
}

const pollMs = 200;
const keepAliveMs = 10_000;

async function follow(deps: CycleRouteDeps, id: string, from: number, stream: SSEStreamingApi): Promise<void> {
  let at = from;
  let spoken = Date.now();
  while (!stream.aborted) {
    const cycle = await known(deps, id);
    const events = await readEvents(deps.dataDir, id, at);
    for (const { id: next, event } of events) {
      await stream.writeSSE({ id: String(next), event: event.kind, data: JSON.stringify(event) });
      at = next;
      spoken = Date.now();
    }
    if (events.length === 0 && closedStates.includes(cycle.state)) return;
    if (Date.now() - spoken > keepAliveMs) {
      await stream.write(': still here\n\n');
      spoken = Date.now();
    }
    await stream.sleep(pollMs);
  }
}
