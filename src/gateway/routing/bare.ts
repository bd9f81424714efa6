import type { Registry, Target } from '../../providers/registry.ts';
import type { Provider } from '../../providers/types.ts';
import type { ModelLists } from './lists.ts';

/** Finds models by their bare names: the first provider that lists one has it. */
export interface BareNames {
  /** One that was found lately, without waiting for anybody; null when it has to be looked for. */
  recall(name: string): Target | null;
  /** Asks all providers at once, and again when nobody lists it, since it may have come. Null when it is nowhere. */
  look(name: string): Promise<Target | null>;
}

export interface BareNamesDeps {
  registry: Pick<Registry, 'get'>;
  lists: ModelLists;
  /** Providers that can be asked, in the order in which a name is looked for. */
  askable: () => readonly Provider[];
}

/** How many names are remembered; clients make them up. */
const mostRecalled = 1_000;

/** Creates the search for bare names. */
export function createBareNames({ registry, lists, askable }: BareNamesDeps): BareNames {
  const recalled = new Map<string, Target>();
  let recalledAt = lists.version;

  /** What was found is as old as the lists that it was found in. */
  function keepUp(): void {
    if (recalledAt !== lists.version || recalled.size >= mostRecalled) recalled.clear();
    recalledAt = lists.version;
  }

  function remember(name: string, target: Target | null): Target | null {
    keepUp();
    if (target) recalled.set(name, target);
    return target;
  }

  return {
    recall(name) {
      keepUp();
      const known = recalled.get(name);
      if (!known || registry.get(known.provider.name) !== known.provider) return null;
      // Looking at its list keeps that young; one that is too old has to be asked for.
      return lists.known(known.provider) ? known : null;
    },
    async look(name) {
      const providers = askable();
      const first = providers.map((provider) => ({
        provider,
        models: lists.known(provider) ?? quietly(lists, provider),
      }));
      const found = await firstListed(name, first);
      if (found) return remember(name, found);
      const again = providers.map((provider) => ({ provider, models: quietly(lists, provider) }));
      return remember(name, await firstListed(name, again));
    },
  };
}

interface Listing {
  provider: Provider;
  models: readonly string[] | Promise<readonly string[]>;
}

/** The first in order that lists it, without waiting for those after it. */
async function firstListed(name: string, listings: readonly Listing[]): Promise<Target | null> {
  for (const { provider, models } of listings) {
    const model = listedAs(name, await models);
    if (model !== undefined) return { provider, model };
  }
  return null;
}

/** Who does not answer lists nothing. */
function quietly(lists: ModelLists, provider: Provider): Promise<readonly string[]> {
  return lists.ask(provider).catch(() => []);
}

function listedAs(name: string, models: readonly string[]): string | undefined {
  return models.find((model) => model === name) ?? models.find((model) => model === `${name}:latest`);
}
