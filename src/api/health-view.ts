import { z } from '@hono/zod-openapi';
import type { ModelFacts } from '../core/capabilities.ts';
import type { WantedModel } from '../core/wanted-models.ts';
import type { HealthState, Provider } from '../providers/types.ts';
import { factsView, presentFacts } from './health-facts.ts';
import type { ModelTraffic, Traffic } from './health-traffic.ts';
import type { WatchedProvider } from './health-watch.ts';

export const stateView = z.enum(['green', 'yellow', 'red']);

const modelView = factsView.extend({
  name: z.string(),
  state: stateView,
  /** Null for green. */
  reason: z.string().nullable(),
  /** Whether the provider lists it; null when it did not list anything at the last look. */
  installed: z.boolean().nullable(),
  /** Whether it is in memory; null where the provider does not tell. */
  loaded: z.boolean().nullable(),
  breaker: z.enum(['closed', 'open', 'half-open']).nullable(),
  /** Calls in a row that failed, what the last failed with, and when. */
  failures: z.int(),
  last_error: z.object({ code: z.string(), at: z.string() }).nullable(),
  answered_at: z.string().nullable(),
});
type ModelView = z.infer<typeof modelView>;

export const providerView = z
  .object({
    name: z.string(),
    kind: z.string(),
    locality: z.enum(['local', 'remote']),
    /** `given`: somebody set it up. `usual`: it is looked for at its usual address. `missing`: it cannot be asked yet. */
    set_up: z.enum(['given', 'usual', 'missing']),
    state: stateView,
    reason: z.string(),
    since: z.string().nullable(),
    checked_at: z.string().nullable(),
    version: z.string().nullable(),
    models: z.int().nullable(),
    model_list: z.array(modelView),
  })
  .openapi('Provider');
export type ProviderView = z.infer<typeof providerView>;

/** What a breaker says of one model. */
export interface BreakerView {
  provider: string;
  model: string;
  breaker: 'closed' | 'open' | 'half-open';
  /** Why it failed last. */
  reason: string | null;
}

export interface ViewDeps {
  /** What is known of a model. */
  facts: (provider: Provider, model: string) => ModelFacts;
  /** How live calls go. */
  traffic?: Pick<Traffic, 'of' | 'failing'>;
  breakers?: () => readonly BreakerView[];
  /** Models that somebody relies on by name. */
  wanted?: () => readonly WantedModel[];
}

/** So many failures in a row are no accident. */
const tooMany = 3;

/** A provider and its models, in the API's own form. */
export function presentProvider(watched: WatchedProvider, deps: ViewDeps): ProviderView {
  const { provider, setUp, health, since, checkedAt } = watched;
  const models = modelsOf(watched, deps);
  const { state, reason } = judge(watched, models);
  return {
    name: provider.name,
    kind: provider.kind,
    locality: provider.locality,
    set_up: setUp,
    state,
    reason,
    since: timeOf(since),
    checked_at: timeOf(checkedAt),
    version: health.version ?? null,
    models: health.models ?? null,
    model_list: models,
  };
}

/** One that answers our looks may still fail those who call. */
function judge({ health }: WatchedProvider, models: readonly ModelView[]): { state: HealthState; reason: string } {
  if (health.state !== 'green') return health;
  const bad = models.find(({ state }) => state === 'red') ?? models.find(({ state }) => state === 'yellow');
  return bad ? { state: 'yellow', reason: `${bad.name}: ${bad.reason}` } : health;
}

function modelsOf({ provider, health }: WatchedProvider, deps: ViewDeps): ModelView[] {
  const names = new Set(health.names);
  const breakers = new Map(
    (deps.breakers?.() ?? []).filter((one) => one.provider === provider.name).map((one) => [one.model, one]),
  );
  const failing = deps.traffic?.failing(provider.name).map(({ model }) => model) ?? [];
  const wanted = new Map(
    (deps.wanted?.() ?? []).flatMap(({ ref, by }) =>
      ref.startsWith(`${provider.name}/`) ? [[ref.slice(provider.name.length + 1), by] as const] : [],
    ),
  );
  const open = [...breakers.values()].filter(({ breaker }) => breaker !== 'closed').map(({ model }) => model);
  const isListed = (model: string): boolean | null =>
    health.names ? names.has(model) || names.has(`${model}:latest`) : null;
  // Vendors elsewhere serve more than they list: variants, snapshots, models of one account.
  const isWhole = health.names !== undefined && provider.locality === 'local';
  const lacking = isWhole ? [...wanted.keys()].filter((model) => !isListed(model)) : [];
  const shown = new Set([...names, ...lacking, ...[...failing, ...open].filter((model) => isListed(model) !== false)]);
  return [...shown].map((model) => {
    const traffic = deps.traffic?.of(provider.name, model) ?? null;
    const breaker = breakers.get(model) ?? null;
    const installed = isListed(model);
    const by = wanted.get(model) ?? null;
    return {
      name: model,
      ...judgeModel({ provider, model, installed, by, traffic, breaker }),
      installed,
      loaded: health.loaded ? health.loaded.includes(model) : null,
      breaker: breaker?.breaker ?? null,
      failures: traffic?.failures ?? 0,
      last_error: lastError(traffic),
      answered_at: timeOf(traffic?.answeredAt ?? null),
      ...presentFacts(deps.facts(provider, model)),
    };
  });
}

interface Judged {
  provider: Provider;
  model: string;
  installed: boolean | null;
  /** Who relies on it. */
  by: string | null;
  traffic: ModelTraffic | null;
  breaker: BreakerView | null;
}

function judgeModel({ provider, model, installed, by, traffic, breaker }: Judged): Pick<ModelView, 'state' | 'reason'> {
  if (installed === false) {
    const fix =
      provider.kind === 'ollama' ? `get it with "ollama pull ${model}"` : 'use a name that GET /v1/models lists';
    return { state: 'red', reason: `${by ?? 'somebody'} names it, and ${provider.name} does not have it: ${fix}.` };
  }
  if (breaker && breaker.breaker !== 'closed') {
    const why = breaker.reason === null ? '' : ` (${breaker.reason.replace(/\.$/, '')})`;
    return {
      state: 'red',
      reason: `it failed too often${why} and is left alone for a while: look at ${provider.name}, or ask another model.`,
    };
  }
  if (traffic && traffic.failures >= tooMany && traffic.code !== null) {
    const reason = `the last ${traffic.failures} calls failed with ${traffic.code}: look at ${provider.name}'s log or load.`;
    return { state: 'yellow', reason };
  }
  return { state: 'green', reason: null };
}

function lastError(traffic: ModelTraffic | null): ModelView['last_error'] {
  const at = timeOf(traffic?.failedAt ?? null);
  return traffic?.code && at !== null ? { code: traffic.code, at } : null;
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
