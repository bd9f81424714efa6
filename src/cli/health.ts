import type { HealthDeps } from '../api/health.ts';
import { createTraffic } from '../api/health-traffic.ts';
import { createHealthWatch } from '../api/health-watch.ts';
import { type Probe, diskProbe, storeProbe } from '../api/probes.ts';
import { wantedModels } from '../core/wanted-models.ts';
import { type Capabilities, createCapabilities } from '../gateway/capabilities.ts';
import type { Observer } from '../gateway/ports.ts';
import type { House } from '../workspace/house.ts';

/** What is seen of how the parts of an installation are. */
export interface Health {
  capabilities: Capabilities;
  /** The same observer, so that calls count as somebody looking, and their failures are seen. */
  watch(observer: Observer): Observer;
  /** For the API. */
  deps: Pick<HealthDeps, 'watch' | 'traffic' | 'wanted'>;
}

export interface HealthOptions {
  cycles: { check(): Promise<void> };
  /** The selected model as a ref; may throw when the selection file is bad. */
  active: () => string | null;
}

/** How long it may take to learn of the models of one provider, in ms. */
const learnMs = 60_000;

/** Furnishes the watch of a house; nobody is looked at before it is started. */
export function openHealth(house: House, { cycles, active }: HealthOptions): Health {
  const { config, registry, settings, store } = house;
  const capabilities = createCapabilities({ settings: () => settings.current() });
  const watch = createHealthWatch({
    providers: () => registry.providers,
    parts: { store: storeProbe(store), temporal: temporalProbe(config, cycles), disk: diskProbe(config.dataDir) },
    listed: (provider, models) => void capabilities.learn(provider, models, AbortSignal.timeout(learnMs)),
  });
  const traffic = createTraffic({ called: watch.interest, failed: watch.suspect });
  const wanted = () => wantedModels(settings.current(), orNull(active));
  return {
    capabilities,
    watch: (observer) => traffic.watch(observer),
    deps: { watch, traffic, wanted },
  };
}

function temporalProbe({ temporal }: House['config'], cycles: HealthOptions['cycles']): Probe {
  return async () => {
    await cycles.check();
    return { state: 'green', reason: `Temporal answers at ${temporal.address}.` };
  };
}

/** What is wrong with the selection file is told elsewhere. */
function orNull<T>(read: () => T | null): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
