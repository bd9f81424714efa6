import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { recordModes } from '../core/access.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { CallFacts } from '../gateway/ports.ts';
import { createModelNames } from './model-names.ts';

/** Counts calls. */
export interface CallMetrics {
  start(): void;
  end(facts: CallFacts): void;
  /** A model is left alone, or is asked again. */
  broken(provider: string, open: boolean): void;
}

// A rate over a series that begins with its first call misses that call, so what alerts watch begins with zero.
const watchedRefusals = ['RateLimited', 'BudgetSpent'] as const satisfies readonly ErrorCode[];
const kinds = ['chat', 'text', 'responses', 'embeddings'] as const satisfies readonly CallFacts['kind'][];

/** The label of what has no provider or no model. */
const none = 'none';

// OpenTelemetry's advice for gen_ai.server.time_to_first_token and gen_ai.client.operation.duration.
const firstTokenBuckets = [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30];
const durationBuckets = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const rateBuckets = [1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 250, 500, 1000];
const commitBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

type Instruments = ReturnType<typeof createInstruments>;

/** What a call of one kind to one model counts in; held, so that no label is looked up twice. */
type Series = ReturnType<typeof createSeries>;

/** Metrics of calls in a registry. Labels are bounded: no owner, no key, no model that never answered. */
export function createCallMetrics(registry: Registry): CallMetrics {
  const instruments = createInstruments(registry);
  beginWithZero(instruments);
  const names = createModelNames();
  const held = new Map<string, Series>();

  function seriesOf(kind: string, provider: string, model: string): Series {
    const key = `${kind}\n${provider}\n${model}`;
    const known = held.get(key);
    if (known) return known;
    const made = createSeries(instruments, { kind, provider, model });
    held.set(key, made);
    return made;
  }

  return {
    start: () => instruments.inFlight.inc(),
    end(facts) {
      instruments.inFlight.dec();
      const provider = facts.provider ?? none;
      const series = seriesOf(facts.kind, provider, modelLabel(facts, provider));
      series.count(facts);
      countRecords(instruments, facts);
      for (const { provider, model, code, retried } of facts.attempts) {
        const counter = retried ? instruments.retries : instruments.fallbacks;
        counter.inc({ provider, model: names.known(provider, model), code });
      }
    },
    broken(provider, open) {
      if (open) instruments.leftAlone.inc({ provider });
      else instruments.leftAlone.dec({ provider });
    },
  };

  function modelLabel({ model, state, firstTokenMs }: CallFacts, provider: string): string {
    if (model === null) return none;
    const answered = state === 'complete' || firstTokenMs !== null;
    return answered ? names.answered(provider, model) : names.known(provider, model);
  }
}

function beginWithZero({ refusals, served, answersRecorded }: Instruments): void {
  for (const kind of kinds) for (const code of watchedRefusals) refusals.inc({ kind, code }, 0);
  for (const record of recordModes) {
    served.inc({ record }, 0);
    answersRecorded.inc({ record }, 0);
  }
}

function createSeries(instruments: Instruments, labels: { kind: string; provider: string; model: string }) {
  const { kind, ...who } = labels;
  const calls = byKey((state: CallFacts['state']) => instruments.calls.labels({ ...labels, state }));
  const errors = byKey((code: string) => instruments.errors.labels({ kind, provider: who.provider, code }));
  const refusals = byKey((code: string) => instruments.refusals.labels({ kind, code }));
  const input = once(() => instruments.tokens.labels({ ...who, type: 'input' }));
  const output = once(() => instruments.tokens.labels({ ...who, type: 'output' }));
  const cost = once(() => instruments.cost.labels(who));
  const duration = once(() => instruments.duration.labels(labels));
  const firstToken = once(() => instruments.firstToken.labels(who));
  const rate = once(() => instruments.rate.labels(who));
  return {
    count(facts: CallFacts): void {
      calls(facts.state).inc();
      if (facts.code !== null) errors(facts.code).inc();
      if (facts.state === 'refused') return refusals(facts.code ?? none).inc();
      duration().observe(facts.durationMs / 1e3);
      if (facts.promptTokens !== null) input().inc(facts.promptTokens);
      if (facts.completionTokens !== null) output().inc(facts.completionTokens);
      if (facts.costNanos !== null) cost().inc(facts.costNanos / 1e9);
      if (!facts.stream || facts.firstTokenMs === null) return;
      firstToken().observe(facts.firstTokenMs / 1e3);
      const speed = outputSpeed(facts, facts.firstTokenMs);
      if (speed !== null) rate().observe(speed);
    },
  };
}

/** Tokens per second after the first piece of a stream that came to its end; null where that says nothing. */
function outputSpeed({ state, completionTokens, durationMs, commitMs }: CallFacts, firstMs: number): number | null {
  const streamedMs = durationMs - (commitMs ?? 0) - firstMs;
  if (state !== 'complete' || completionTokens === null || completionTokens < 2 || streamedMs <= 0) return null;
  return ((completionTokens - 1) / streamedMs) * 1e3;
}

/** An answer of which a client got something has to be recorded, if its mode says so: the two sums are compared. */
function countRecords(instruments: Instruments, { state, stream, firstTokenMs, record, commitMs }: CallFacts): void {
  const served = state === 'complete' || (stream && firstTokenMs !== null);
  if (served) instruments.served.inc({ record });
  if (commitMs === null) return;
  instruments.commitWait.observe(commitMs / 1e3);
  instruments.recorded.inc({ record, state });
  if (served) instruments.answersRecorded.inc({ record });
}

function createInstruments(registry: Registry) {
  const registers = [registry];
  return {
    ...createCounters(registers),
    ...createHistograms(registers),
    inFlight: createInFlight(registers),
    leftAlone: createLeftAlone(registers),
  };
}

function createInFlight(registers: Registry[]) {
  return new Gauge({ name: 'ratchet_calls_in_flight', help: 'Calls that are being answered.', registers });
}

function createLeftAlone(registers: Registry[]) {
  return new Gauge({
    name: 'ratchet_breakers_open',
    help: 'Models that are left alone, because they failed too often in a row.',
    labelNames: ['provider'],
    registers,
  });
}

function createCounters(registers: Registry[]) {
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers });
  return {
    calls: counter('ratchet_calls_total', 'Calls that are over, by how they ended.', [
      'kind',
      'provider',
      'model',
      'state',
    ]),
    errors: counter('ratchet_call_errors_total', 'Calls that ended with an error, by its code.', [
      'kind',
      'provider',
      'code',
    ]),
    refusals: counter('ratchet_call_refusals_total', 'Calls turned away before anything was recorded.', [
      'kind',
      'code',
    ]),
    retries: counter('ratchet_retries_total', 'Models that failed and were asked again.', [
      'provider',
      'model',
      'code',
    ]),
    fallbacks: counter(
      'ratchet_fallbacks_total',
      'Models that failed, or could not be asked, so that another was asked.',
      ['provider', 'model', 'code'],
    ),
    tokens: counter('ratchet_tokens_total', 'Tokens that providers counted.', ['provider', 'model', 'type']),
    cost: counter('ratchet_cost_usd_total', 'Cost by the price table, in US dollars.', ['provider', 'model']),
    served: counter('ratchet_answers_served_total', 'Answers of which a client got something.', ['record']),
    answersRecorded: counter(
      'ratchet_answers_recorded_total',
      'Answers of which a client got something, and whose record is on disk.',
      ['record'],
    ),
    recorded: counter('ratchet_records_total', 'Records that are on disk, by how the call ended.', ['record', 'state']),
  };
}

function createHistograms(registers: Registry[]) {
  const histogram = <L extends string>(name: string, help: string, buckets: number[], labelNames: L[]) =>
    new Histogram({ name, help, buckets, labelNames, registers });
  return {
    firstToken: histogram(
      'ratchet_time_to_first_token_seconds',
      'From a streamed call to the first piece of its answer.',
      firstTokenBuckets,
      ['provider', 'model'],
    ),
    duration: histogram('ratchet_call_duration_seconds', 'From a call to its end.', durationBuckets, [
      'kind',
      'provider',
      'model',
    ]),
    rate: histogram('ratchet_output_tokens_per_second', 'Speed of streams after their first piece.', rateBuckets, [
      'provider',
      'model',
    ]),
    commitWait: histogram('ratchet_commit_wait_seconds', 'How long ends waited for their record.', commitBuckets, []),
  };
}

function byKey<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

function once<V>(make: () => V): () => V {
  let made: V | undefined;
  return () => (made ??= make());
}
