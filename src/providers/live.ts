import type { Settings } from '../core/settings.ts';
import { type InstancesOptions, type PlannedProvider, makeProvider, planProviders } from './instances.ts';
import { type Registry, createRegistry } from './registry.ts';
import type { Provider } from './types.ts';

export interface LiveOptions extends InstancesOptions {
  /** What is in force now: cheap, and the same object as long as nothing has changed. */
  settings: () => Settings;
  /** Changes a provider when it has been made. */
  finish?: (provider: Provider) => Provider;
}

/** A registry that follows the settings. */
export interface LiveRegistry extends Registry {
  /** Ends what was started for providers. */
  close(): Promise<void>;
}

interface Made {
  provider: Provider;
  /** What it was made from. */
  from: string;
}

/** Creates a registry whose providers follow the settings. One that nothing was said about anew stays the same object. */
export function createLiveRegistry(options: LiveOptions): LiveRegistry {
  const { settings, definitions, finish = (provider) => provider } = options;
  let made = new Map<string, Made>();
  let of: Settings | null = null;
  let registry = createRegistry([], definitions);
  const closing = new Set<Promise<void>>();

  function make(planned: PlannedProvider): Made {
    const from = printOf(planned);
    const before = made.get(planned.name);
    if (before?.from === from) return before;
    return { from, provider: finish(makeProvider(planned, options, settings)) };
  }

  function current(): Registry {
    const now = settings();
    if (now === of) return registry;
    of = now;
    const before = made;
    made = new Map(planProviders(now, definitions).map((planned) => [planned.name, make(planned)]));
    for (const [name, one] of before) if (made.get(name) !== one) close(one);
    registry = createRegistry(
      [...made.values()].map(({ provider }) => provider),
      definitions,
    );
    return registry;
  }

  function close({ provider }: Made): void {
    const closed = (provider.close?.() ?? Promise.resolve()).catch(() => {});
    closing.add(closed);
    void closed.finally(() => closing.delete(closed));
  }

  return {
    get providers() {
      return current().providers;
    },
    get: (name) => current().get(name),
    split: (ref) => current().split(ref),
    async close() {
      for (const one of made.values()) close(one);
      await Promise.all(closing);
    },
  };
}

/** What a provider is made from; everything else that the settings say of it is read when it is needed. */
function printOf({ definition, said: { baseUrl, apiKeyEnv } }: PlannedProvider): string {
  return JSON.stringify([definition.kind, baseUrl, apiKeyEnv]);
}
