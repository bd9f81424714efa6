import { statfs } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Guard } from '../api/guard.ts';
import { type Config, exportOtelSettings } from '../config.ts';
import type { Observer } from '../gateway/ports.ts';
import type { Provider } from '../providers/types.ts';
import type { Store } from '../store/types.ts';
import { type MetricSources, type Metrics, createMetrics } from '../telemetry/metrics.ts';
import { createObserver } from '../telemetry/observer.ts';
import { loadTracer } from '../telemetry/tracer.ts';

/** How the API process is seen from outside. */
export interface Telemetry {
  metrics: Metrics;
  observer: Observer;
  /** Sends what has not been sent, for a few seconds at most. */
  close(): Promise<void>;
}

export interface TelemetryDeps extends Pick<MetricSources, 'providers' | 'freed'> {
  config: Config;
  store: Pick<Store, 'kind' | 'writes' | 'figures'>;
  version: string;
  log: Logger;
}

/** Metrics always, traces when the `OTEL_…` variables ask for them. */
export async function openTelemetry(deps: TelemetryDeps): Promise<Telemetry> {
  const { config, store, version, log, ...sources } = deps;
  const metrics = createMetrics({
    version,
    store: store.kind,
    writes: () => store.writes(),
    figures: () => store.figures(),
    disk: () => diskOf(config.dataDir),
    ...sources,
  });
  if (config.traces) exportOtelSettings(config);
  const tracer = config.traces ? await loadTracer({ version, log }) : null;
  return {
    metrics,
    observer: createObserver({ metrics: metrics.calls, tracer, log }),
    close: async () => tracer?.close(),
  };
}

/** How often models of each provider were stuck, of those that can tell. */
export function freedOf(providers: readonly Provider[]): { provider: string; count: number }[] {
  return providers.flatMap(({ name, freed }) => (freed ? [{ provider: name, count: freed() }] : []));
}

/** A guard whose refusals are counted. */
export function watchGuard(guard: Guard, { unauthorized }: Pick<Metrics, 'unauthorized'>): Guard {
  const counted = <T>(reason: Parameters<typeof unauthorized>[0], check: () => T): T => {
    try {
      return check();
    } catch (error) {
      unauthorized(reason);
      throw error;
    }
  };
  return {
    checkSender: (read) => counted('sender', () => guard.checkSender(read)),
    authenticate: (read) => counted('key', () => guard.authenticate(read)),
  };
}

async function diskOf(folder: string): Promise<{ free: number; size: number }> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { free: bavail * bsize, size: blocks * bsize };
}
