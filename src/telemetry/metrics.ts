import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { type CallMetrics, createCallMetrics } from './call-metrics.ts';
import { toOpenMetrics } from './open-metrics.ts';

/** What is read when somebody looks at the metrics. A source that throws is left out of that look. */
export interface MetricSources {
  /** How often this process committed, and how often the disk was synced for that. */
  writes(): { commits: number; syncs: number };
  /** Of the database: cycles by state, completions that are open, and GPUs that are lent to training. */
  figures(): Promise<{
    cycles: Readonly<Record<string, number>>;
    openCompletions: number;
    gpuLeases: readonly { host: string; device: string }[];
  }>;
  /** Bytes of the disk under the data folder. */
  disk(): Promise<{ free: number; size: number }>;
  /** The providers that are missed when they do not answer, and whether they do. Out of memory; none unless given. */
  providers?(): readonly { provider: string; up: boolean }[];
  /** How often each provider's models were dropped from memory, since a stream that was cut held their place; none unless given. */
  freed?(): readonly { provider: string; count: number }[];
}

export interface MetricsOptions extends MetricSources {
  version: string;
  /** Which database keeps the record. */
  store: string;
  /** How long what was read from the database is shown again, in ms. 10 s unless given. */
  keepMs?: number;
  /** How long a source may take, in ms. 5 s unless given. */
  limitMs?: number;
}

/** Metrics of one process. */
export interface Metrics {
  readonly calls: CallMetrics;
  /** Counts a request that was turned away at the door: `sender` is another host or page, `key` none or a wrong one. */
  unauthorized(reason: 'sender' | 'key'): void;
  /** The exposition; OpenMetrics when the `accept` header names it. */
  render(accept?: string): Promise<{ contentType: string; text: string }>;
}

/** Creates the metrics of this process in a registry of their own. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const calls = createCallMetrics(registry);
  addBuildInfo(registry, options);
  const readWrites = writesReader(registry, options);
  const readFigures = figuresReader(registry, options);
  const readDisk = diskReader(registry, options);
  const readProviders = providersReader(registry, options);
  collectDefaultMetrics({ register: registry });
  const unauthorized = createUnauthorized(registry);
  return {
    calls,
    unauthorized: (reason) => unauthorized.inc({ reason }),
    async render(accept = '') {
      readWrites();
      readProviders();
      await Promise.all([readFigures(), readDisk()]);
      // What has no value yet is left out: prom-client spells it in a way that no parser has to know.
      const text = (await registry.metrics()).replace(/^.* Nan\n/gm, '');
      if (!accept.includes('application/openmetrics-text')) return { contentType: registry.contentType, text };
      return { contentType: Registry.OPENMETRICS_CONTENT_TYPE, text: toOpenMetrics(text) };
    },
  };
}

function addBuildInfo(registry: Registry, { version, store }: MetricsOptions): void {
  new Gauge({
    name: 'ratchet_build_info',
    help: 'Always 1; what runs is in the labels.',
    labelNames: ['version', 'node', 'store'],
    registers: [registry],
  }).set({ version, node: process.version, store }, 1);
}

function createUnauthorized(registry: Registry): Counter<'reason'> {
  const counter = new Counter({
    name: 'ratchet_unauthorized_total',
    help: 'Requests of another host or page, or without a right key.',
    labelNames: ['reason'],
    registers: [registry],
  });
  for (const reason of ['sender', 'key']) counter.inc({ reason }, 0);
  return counter;
}

function writesReader(registry: Registry, { writes }: MetricsOptions): () => void {
  const registers = [registry];
  const commits = new Counter({ name: 'ratchet_store_commits_total', help: 'Commits of this process.', registers });
  const syncs = new Counter({ name: 'ratchet_store_syncs_total', help: 'Syncs of the disk for them.', registers });
  return () => {
    const sums = writes();
    for (const counter of [commits, syncs]) counter.reset();
    commits.inc(sums.commits);
    syncs.inc(sums.syncs);
  };
}

function providersReader(registry: Registry, { providers, freed }: MetricsOptions): () => void {
  const up = new Gauge({
    name: 'ratchet_provider_up',
    help: '1 when the provider answered when it was looked at last.',
    labelNames: ['provider'],
    registers: [registry],
  });
  const unstuck = new Counter({
    name: 'ratchet_models_freed_total',
    help: 'Models that were dropped from memory, since a stream that was cut held their place.',
    labelNames: ['provider'],
    registers: [registry],
  });
  return () => {
    up.reset();
    for (const one of providers?.() ?? []) up.set({ provider: one.provider }, one.up ? 1 : 0);
    unstuck.reset();
    for (const one of freed?.() ?? []) unstuck.inc({ provider: one.provider }, one.count);
  };
}

function figuresReader(
  registry: Registry,
  { figures, keepMs = 10_000, limitMs = 5_000 }: MetricsOptions,
): () => Promise<void> {
  const registers = [registry];
  const read = cached(figures, keepMs, limitMs);
  const up = new Gauge({ name: 'ratchet_store_up', help: '1 when the database answered.', registers });
  const open = lateGauge(registry, 'ratchet_open_completions', 'Completions that are not over.');
  const cycles = new Gauge({ name: 'ratchet_cycles', help: 'Cycles by state.', labelNames: ['state'], registers });
  const leases = new Gauge({
    name: 'ratchet_gpu_leased',
    help: '1 while a step of a cycle has this GPU for itself.',
    labelNames: ['host', 'device'],
    registers,
  });
  return async () => {
    const found = await read().catch(() => null);
    up.set(found === null ? 0 : 1);
    cycles.reset();
    leases.reset();
    if (found === null) return;
    open(found.openCompletions);
    for (const [state, count] of Object.entries(found.cycles)) cycles.set({ state }, count);
    for (const lease of found.gpuLeases) leases.set(lease, 1);
  };
}

function diskReader(
  registry: Registry,
  { disk, keepMs = 10_000, limitMs = 5_000 }: MetricsOptions,
): () => Promise<void> {
  const read = cached(disk, keepMs, limitMs);
  const free = lateGauge(registry, 'ratchet_disk_free_bytes', 'What is free on the disk under the data folder.');
  const size = lateGauge(registry, 'ratchet_disk_size_bytes', 'Size of the disk under the data folder.');
  return async () => {
    const found = await read().catch(() => null);
    if (found === null) return;
    free(found.free);
    size(found.size);
  };
}

/** A gauge that is not there before something is known: a zero would say that the disk is full. */
function lateGauge(registry: Registry, name: string, help: string): (value: number) => void {
  let gauge: Gauge | undefined;
  return (value) => {
    gauge ??= new Gauge({ name, help, registers: [registry] });
    gauge.set(value);
  };
}

/**
 * Reads again only when what was read is older than `keepMs`; those who come together wait for one reading. Rejects when a
 * reading takes longer than a look at the metrics may.
 */
function cached<T>(read: () => Promise<T>, keepMs: number, limitMs: number): () => Promise<T> {
  let last: { at: number; value: Promise<T> } | null = null;
  return () => {
    const at = performance.now();
    if (last === null || at - last.at >= keepMs) last = { at, value: Promise.race([read(), late(limitMs)]) };
    return last.value;
  };
}

async function late(ms: number): Promise<never> {
  await sleep(ms, undefined, { ref: false });
  throw new Error(`it did not answer within ${ms} ms`);
}
