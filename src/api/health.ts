import { createRoute, z } from '@hono/zod-openapi';
import type { HealthState } from '../providers/types.ts';
import type { Routes } from './context.ts';
import type { HealthWatch } from './health-watch.ts';
import { type ProviderView, type ViewDeps, presentProvider, providerView, stateView } from './health-view.ts';
import { type Probe, runProbe } from './probes.ts';
import { json, problems } from './schemas.ts';

const part = z.object({ state: stateView, reason: z.string(), since: z.string().nullable() });
const query = z.object({
  fresh: z.enum(['0', '1', 'true', 'false']).optional().openapi({
    description: '`1` looks at everything now, for a few seconds at most; otherwise memory answers at once',
  }),
});

const health = createRoute({
  method: 'get',
  path: '/api/health',
  tags: ['Health'],
  request: { query },
  responses: {
    200: json(
      z.object({ state: stateView, version: z.string(), parts: z.record(z.string(), part) }),
      'How every part is',
    ),
    ...problems,
  },
});

const providers = createRoute({
  method: 'get',
  path: '/api/providers',
  tags: ['Health'],
  summary: 'Every provider, how it is, and what is known of its models',
  request: { query },
  responses: { 200: json(z.object({ items: z.array(providerView) }), 'Every provider and how it is'), ...problems },
});

export interface HealthDeps extends ViewDeps {
  version: string;
  watch: HealthWatch;
  /** Parts that tell how they are without asking anybody, so that they are asked each time. */
  direct: Readonly<Record<string, Probe>>;
}

/** `GET /api/health` and `/api/providers`. */
export function healthRoutes(deps: HealthDeps): Routes {
  const { watch, version, direct } = deps;
  const views = async (): Promise<(ProviderView & { isMissed: boolean })[]> =>
    (await watch.providers()).map((watched) => ({ ...presentProvider(watched, deps), isMissed: watched.isMissed }));
  return (app) => {
    app.openapi(health, async (context) => {
      if (isFresh(context.req.valid('query').fresh)) await watch.fresh();
      const [watched, all] = await Promise.all([watch.parts(), views()]);
      const own = await Promise.all(
        Object.entries(direct).map(
          async ([name, probe]) => [name, { ...(await runProbe(probe)), since: null }] as const,
        ),
      );
      const parts = {
        ...Object.fromEntries(
          Object.entries(watched).map(([name, { since, ...found }]) => [
            name,
            { ...found, since: new Date(since).toISOString() },
          ]),
        ),
        ...Object.fromEntries(own),
        providers: providersPart(all),
      };
      const state = worst(Object.values(parts).map((found) => found.state));
      return context.json({ state, version, parts }, 200);
    });
    app.openapi(providers, async (context) => {
      if (isFresh(context.req.valid('query').fresh)) await watch.fresh('providers');
      const items = (await views()).map(({ isMissed: _isMissed, ...view }) => view);
      return context.json({ items }, 200);
    });
  };
}

function isFresh(value: string | undefined): boolean {
  return value === '1' || value === 'true';
}

/** The providers that are missed as one part: red when none of them can answer. */
function providersPart(all: readonly (ProviderView & { isMissed: boolean })[]): z.infer<typeof part> {
  const missed = all.filter(({ isMissed }) => isMissed);
  const since = missed.reduce<string | null>(
    (latest, one) => ((one.since ?? '') > (latest ?? '') ? one.since : latest),
    null,
  );
  if (missed.length === 0) {
    const reason =
      'No provider is set up: start Ollama, or set the key of another; GET /api/providers says which there are.';
    return { state: 'yellow', reason, since };
  }
  const bad = missed.filter(({ state }) => state !== 'green');
  const [first] = bad;
  if (!first) return { state: 'green', reason: 'Every provider answers.', since };
  const none = missed.every(({ state }) => state === 'red');
  const names = bad.map(({ name }) => name).join(', ');
  const why = bad.length === 1 ? first.reason : 'GET /api/providers says why.';
  return {
    state: none ? 'red' : 'yellow',
    reason: `${none ? 'No provider answers' : `Not ready: ${names}`}: ${why}`,
    since,
  };
}

function worst(states: readonly HealthState[]): HealthState {
  if (states.includes('red')) return 'red';
  return states.includes('yellow') ? 'yellow' : 'green';
}
