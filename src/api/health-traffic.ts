import type { ErrorCode } from '../core/errors.ts';
import type { Observer } from '../gateway/ports.ts';

/** How the last calls to one model went. */
export interface ModelTraffic {
  /** Calls that failed since the last that was answered, for a reason that is the provider's. */
  failures: number;
  /** The code of the last of them, and when it was, in ms since 1970; null when there was none. */
  code: ErrorCode | null;
  failedAt: number | null;
  /** When it answered last. */
  answeredAt: number | null;
}

/** How live calls go, by model. */
export interface Traffic {
  /** The same observer, seen by us. */
  watch(observer: Observer): Observer;
  /** Null when it was never asked. */
  of(provider: string, model: string): ModelTraffic | null;
  /** Models of a provider that were asked since the start, the latest failures first. */
  failing(provider: string): { model: string; traffic: ModelTraffic }[];
}

export interface TrafficOptions {
  /** Somebody calls. */
  called: () => void;
  /** A provider did not answer a call. */
  failed: (provider: string) => void;
  /** Ms since 1970. */
  now?: () => number;
}

/** What says something of the provider, and nothing of the request. */
const telling: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['ProviderUnavailable', 'RateLimited', 'OutOfMemory']);
/** Names of models are made up by clients. */
const mostModels = 1_000;
/** A failure of long ago says nothing of today, in ms. */
const rememberedMs = 10 * 60_000;

/** Creates the memory of how calls went. */
export function createTraffic({ called, failed, now = Date.now }: TrafficOptions): Traffic {
  const byProvider = new Map<string, Map<string, ModelTraffic>>();

  function trafficOf(provider: string, model: string): ModelTraffic {
    const models = byProvider.get(provider) ?? new Map<string, ModelTraffic>();
    byProvider.set(provider, models);
    const known = models.get(model) ?? { failures: 0, code: null, failedAt: null, answeredAt: null };
    if (models.size >= mostModels && !models.has(model)) models.clear();
    models.set(model, known);
    return known;
  }

  function fail(provider: string, model: string, code: ErrorCode): void {
    if (!telling.has(code)) return;
    const traffic = trafficOf(provider, model);
    Object.assign(traffic, { failures: traffic.failures + 1, code, failedAt: now() });
    if (code === 'ProviderUnavailable') failed(provider);
  }

  return {
    watch: (observer) => ({
      ...observer,
      start(call) {
        called();
        const observation = observer.start(call);
        return {
          upstreamHeaders: observation.upstreamHeaders,
          end(facts) {
            const { provider, model, code, attempts, state } = facts;
            for (const attempt of attempts)
              if (!('unasked' in attempt)) fail(attempt.provider, attempt.model, attempt.code);
            if (provider !== null && model !== null) {
              if (state === 'complete') Object.assign(trafficOf(provider, model), { failures: 0, answeredAt: now() });
              else if (state === 'failed' && code !== null) fail(provider, model, code);
            }
            observation.end(facts);
          },
        };
      },
    }),
    of: (provider, model) => byProvider.get(provider)?.get(model) ?? null,
    failing: (provider) =>
      [...(byProvider.get(provider) ?? [])]
        .map(([model, traffic]) => ({ model, traffic }))
        .filter(({ traffic }) => traffic.failures > 0 && now() - (traffic.failedAt ?? 0) < rememberedMs)
        .sort((a, b) => (b.traffic.failedAt ?? 0) - (a.traffic.failedAt ?? 0)),
  };
}
