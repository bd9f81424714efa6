import type { CallFacts, Observation, Observer } from '../gateway/ports.ts';
import type { CallMetrics } from './call-metrics.ts';
import type { Tracer } from './tracer.ts';

/** Where the line of each call goes. */
export interface CallLog {
  info(facts: Record<string, unknown>, message: string): void;
  warn(facts: Record<string, unknown>, message: string): void;
}

export interface ObserverDeps {
  metrics: CallMetrics;
  /** Null when no traces are wanted. */
  tracer: Tracer | null;
  log: CallLog;
}

const longestName = 200;
const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

/** Sees every call: counts it, writes a line of facts, and a trace where one is wanted. It never throws. */
export function createObserver({ metrics, tracer, log }: ObserverDeps): Observer {
  /** An answer is worth more than what is told of it. */
  function quietly<T>(requestId: string, look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      log.warn({ request: requestId, err: error }, 'a call could not be observed');
      return undefined;
    }
  }

  return {
    broken: (provider, model, open) => {
      metrics.broken(provider, open);
      log.warn({ provider, model }, open ? 'a model failed too often and is left alone' : 'a model is well again');
    },
    start({ requestId, traceparent }) {
      metrics.start();
      const trace = quietly(requestId, () => tracer?.start({ requestId, traceparent }));
      let over = false;
      return {
        upstreamHeaders: trace?.upstreamHeaders ?? passedOn(traceparent),
        end(facts) {
          if (over) return;
          over = true;
          quietly(requestId, () => metrics.end(facts));
          quietly(requestId, () => trace?.end(facts));
          log.info(lineOf(facts, trace?.traceId), 'call');
        },
      } satisfies Observation;
    },
  };
}

/** Who writes no traces of their own hands on those of others. */
function passedOn(traceparent: string | undefined): Readonly<Record<string, string>> {
  if (traceparent === undefined || !/^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(traceparent)) {
    return noHeaders;
  }
  return { traceparent };
}

function lineOf(facts: CallFacts, traceId: string | undefined): Record<string, unknown> {
  const { principal, attempts } = facts;
  return {
    request: facts.requestId,
    ...(traceId !== undefined && { trace_id: traceId }),
    completion: facts.completionId,
    kind: facts.kind,
    owner: principal.owner,
    key: principal.keyId,
    team: principal.team,
    asked: facts.asked.slice(0, longestName),
    provider: facts.provider,
    model: facts.model,
    ...(attempts.length > 0 && {
      failed: attempts.map(({ provider, model, code }) => `${provider}/${model}: ${code}`),
    }),
    stream: facts.stream,
    record: facts.record,
    state: facts.state,
    code: facts.code,
    status: facts.status,
    prompt_tokens: facts.promptTokens,
    completion_tokens: facts.completionTokens,
    cost_usd: facts.costNanos === null ? null : facts.costNanos / 1e9,
    first_token_ms: rounded(facts.firstTokenMs),
    ms: rounded(facts.durationMs),
    commit_ms: rounded(facts.commitMs),
  };
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 100) / 100;
}
