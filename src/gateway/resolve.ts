import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { Registry, Target } from '../providers/registry.ts';
import type { Provider } from '../providers/types.ts';
import { nearestNames } from '../core/nearest.ts';
import { createBareNames } from './routing/bare.ts';
import { type ModelLists, createModelLists } from './routing/lists.ts';

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
  /** As `resolve`, without asking anybody: an alias, `active` or `provider/model`. Null for anything else. */
  find(ref: string): Route | null;
  /** A bare name that a provider is known to list; null when somebody has to be asked. */
  recall(name: string): Route | null;
  /** Finds the provider of a model: an alias, `active`, `provider/model`, or a bare name. NotFound names the nearest. */
  resolve(ref: string): Promise<Route>;
  /** Every model that answers now, as refs, with the providers that could not be asked although somebody set them up. */
  listRefs(): Promise<{ refs: string[]; failed: { provider: string; message: string }[] }>;
  /** The selection as a ref, null when nothing is selected. */
  active(): string | null;
}

export interface ResolverDeps {
  registry: Registry;
  selection: () => Selected | null;
  /** The ref, or `active`, that another name stands for; null when it is no alias. */
  alias?: (name: string) => string | null;
  /** What clients can ask for beside models: routes and aliases. */
  names?: () => readonly string[];
  lists?: ModelLists;
}

/** Creates the resolver of model names. */
export function createResolver(deps: ResolverDeps): Resolver {
  const { registry, selection, alias = () => null, names = () => [], lists = createModelLists() } = deps;
  const askable = (): Provider[] => registry.providers.filter((provider) => provider.setUp().state !== 'missing');
  const bare = createBareNames({ registry, lists, askable });

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

  async function unknownName(name: string): Promise<RatchetError> {
    const { refs, failed } = await listRefs();
    const nearest = nearestNames(name, [...otherProviders(name, registry), ...names(), ...refs]);
    const hint = nearest.length > 0 ? `the nearest are ${nearest.join(', ')}` : 'GET /v1/models lists what there is';
    const missing = failed.map(({ provider, message }) => ` ${provider} could not be asked: ${message}`).join('');
    const message = `No provider lists a model "${name.slice(0, 300)}": ${hint}.${missing}`;
    return new RatchetError('NotFound', message, { details: { nearest } });
  }

  async function listRefs(): ReturnType<Resolver['listRefs']> {
    const providers = askable();
    const asked = providers.map(async (provider) => lists.known(provider) ?? lists.ask(provider));
    const results = await Promise.allSettled(asked);
    const refs: string[] = [];
    const failed: { provider: string; message: string }[] = [];
    for (const [at, provider] of providers.entries()) {
      const result = results[at];
      if (result?.status === 'fulfilled') refs.push(...result.value.map((model) => `${provider.name}/${model}`));
      // What is only looked for is not missed.
      else if (provider.setUp().state === 'given') {
        failed.push({ provider: provider.name, message: asRatchetError(result?.reason).message });
      }
    }
    return { refs, failed };
  }

  function find(ref: string): Route | null {
    const meant = alias(ref) ?? ref;
    return meant === 'active' ? selectedRoute() : registry.split(meant);
  }

  return {
    find,
    recall: bare.recall,
    async resolve(ref) {
      const found = find(ref) ?? bare.recall(ref) ?? (await bare.look(ref));
      if (found) return found;
      throw await unknownName(ref);
    },
    listRefs,
    active() {
      const selected = selection();
      if (!selected) return null;
      const target = registry.split(`${selected.provider}/${selected.model}`);
      return target ? `${target.provider.name}/${target.model}` : `${selected.provider}/${selected.model}`;
    },
  };
}

/** The same name behind the prefix that was probably meant. */
function otherProviders(name: string, registry: Registry): string[] {
  const slash = name.indexOf('/');
  if (slash < 1) return [];
  const known = registry.providers.map((provider) => provider.name);
  return nearestNames(name.slice(0, slash), known, 1).map((prefix) => prefix + name.slice(slash));
}

function unknownProvider(name: string, registry: Registry): RatchetError {
  const known = registry.providers.map((provider) => provider.name).join(', ');
  return new RatchetError(
    'NotFound',
    `The selection names a provider "${name}" that is not set up: use one of ${known}.`,
  );
}
