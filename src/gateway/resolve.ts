import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { Registry, Target } from '../providers/registry.ts';
import type { Provider } from '../providers/types.ts';
import { nearestNames } from '../core/nearest.ts';

/** What the selection file says. */
export interface Selected {
  provider: string;
  model: string;
  apiKey?: string;
}

/** Where a request goes. */
export interface Route extends Target {
  /** The key that the selection brings along. */
  apiKey?: string;
}

export interface Resolver {
  /** As `resolve`, without asking anybody: `active` or `provider/model`. Null for anything else. */
  find(ref: string): Route | null;
  /** Finds the provider of a model ref: `active`, `provider/model`, or a bare name. NotFound names the nearest. */
  resolve(ref: string, signal: AbortSignal): Promise<Route>;
  /** Every model that answers now, as refs, with the providers that could not be asked. */
  listRefs(signal: AbortSignal): Promise<{ refs: string[]; failed: { provider: string; message: string }[] }>;
  /** The selection as a ref, null when nothing is selected. */
  active(): string | null;
}

export interface ResolverDeps {
  registry: Registry;
  selection: () => Selected | null;
  /** How long a provider's list is believed, in ms. */
  listFor?: number;
  now?: () => number;
}

/** Creates the resolver of model refs. */
export function createResolver({ registry, selection, listFor = 5_000, now = Date.now }: ResolverDeps): Resolver {
  const lists = new Map<string, { at: number; models: string[] }>();

  async function modelsOf(provider: Provider, signal: AbortSignal, fresh = false): Promise<string[]> {
    const known = lists.get(provider.name);
    if (known && !fresh && now() - known.at < listFor) return known.models;
    const models = await provider.listModels({ signal });
    lists.set(provider.name, { at: now(), models });
    return models;
  }

  function selectedRoute(): Route {
    const selected = selection();
    if (!selected) {
      throw new RatchetError(
        'NotFound',
        'No model is selected yet: select one with "ratchet base use tiny-support" or "ratchet promote provider/model", or ask for one by its ref, provider/model.',
      );
    }
    const target = registry.split(`${selected.provider}/${selected.model}`);
    if (!target) throw unknownProvider(selected.provider, registry);
    return { ...target, ...(selected.apiKey !== undefined && { apiKey: selected.apiKey }) };
  }

  async function bareRoute(name: string, signal: AbortSignal): Promise<Route> {
    for (const fresh of [false, true]) {
      for (const provider of registry.providers) {
        const models = await modelsOf(provider, signal, fresh).catch(() => []);
        const model = listedAs(name, models);
        if (model !== undefined) return { provider, model };
      }
    }
    const { refs, failed } = await listRefs(signal);
    const nearest = nearestNames(name, refs);
    const hint = nearest.length > 0 ? `the nearest are ${nearest.join(', ')}` : 'GET /v1/models lists what there is';
    const missing = failed.map(({ provider, message }) => ` ${provider} could not be asked: ${message}`).join('');
    throw new RatchetError('NotFound', `No provider lists a model "${name}": ${hint}.${missing}`, {
      details: { nearest },
    });
  }

  async function listRefs(signal: AbortSignal): ReturnType<Resolver['listRefs']> {
    const results = await Promise.allSettled(registry.providers.map((provider) => modelsOf(provider, signal)));
    const refs: string[] = [];
    const failed: { provider: string; message: string }[] = [];
    for (const [at, provider] of registry.providers.entries()) {
      const result = results[at];
      if (result?.status === 'fulfilled') refs.push(...result.value.map((model) => `${provider.name}/${model}`));
      else failed.push({ provider: provider.name, message: asRatchetError(result?.reason).message });
    }
    return { refs, failed };
  }

  function find(ref: string): Route | null {
    return ref === 'active' ? selectedRoute() : registry.split(ref);
  }

  return {
    find,
    resolve: async (ref, signal) => find(ref) ?? bareRoute(ref, signal),
    listRefs,
    active() {
      const selected = selection();
      if (!selected) return null;
      const target = registry.split(`${selected.provider}/${selected.model}`);
      return target ? `${target.provider.name}/${target.model}` : `${selected.provider}/${selected.model}`;
    },
  };
}

function listedAs(name: string, models: readonly string[]): string | undefined {
  return models.find((model) => model === name) ?? models.find((model) => model === `${name}:latest`);
}

function unknownProvider(name: string, registry: Registry): RatchetError {
  const known = registry.providers.map((provider) => provider.name).join(', ');
  return new RatchetError(
    'NotFound',
    `The selection names a provider "${name}" that is not set up: use one of ${known}.`,
  );
}
