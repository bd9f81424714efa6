import type { Principal } from '../core/access.ts';
import { type Settings, defaultSettings } from '../core/settings.ts';
import type { ChatStore, UsageStore } from '../store/types.ts';
import type { AnswerCache } from './caching/cache.ts';
import type { Capabilities } from './capabilities.ts';
import { type FitPlan, createFit } from './capabilities-fit.ts';
import type { Client } from './client.ts';
import { answerCall } from './exchange.ts';
import { placesOf } from './places.ts';
import { type Policy, createPolicy } from './policy.ts';
import { type Lanes, createLanes } from './routing/lanes.ts';
import type { Limits, Observer, Operation } from './ports.ts';
import type { Prices } from './price.ts';
import type { GatewayLog } from './recorder.ts';
import type { Resolver } from './resolve.ts';

export interface GatewayDeps {
  chats: ChatStore;
  usage: Pick<UsageStore, 'add'>;
  resolver: Resolver;
  log: GatewayLog;
  /** What the resolver finds, recorded as the request says, unless given. */
  policy?: Policy;
  /** What is known of models; nothing unless given. */
  capabilities?: Capabilities;
  /** What is known of models from the calls to them; each is asked once, and no limits are known, unless given. */
  lanes?: Lanes;
  /** Answers that may be given again; none unless given. */
  answers?: AnswerCache | null;
  /** No cost is known unless given. */
  prices?: Pick<Prices, 'cost' | 'missed'>;
  /** No limits unless given. */
  limits?: Limits;
  observer?: Observer;
  /** What whoever gets an answer of a model has to know, for the header `x-ratchet-warning`; nothing unless given. */
  warning?: (provider: string, model: string) => string | null;
  /** Least time between two writes of a stream's progress, in ms. */
  flushMs?: number;
  /** How long a stream may be silent before the client gets a sign of life, in ms. */
  quietMs?: number;
}

/** A request as it came in, and who sent it. */
export interface Incoming {
  operation: Operation;
  principal: Principal;
  requestId: string;
  traceparent: string | undefined;
  conversationId: string | undefined;
  /** How long the caller waits, as it says itself: `x-ratchet-timeout`. */
  timeout?: string | undefined;
  /** How long its client library waits: `x-stainless-timeout`. */
  sdkTimeout?: string | undefined;
  /** `x-ratchet-tags`. */
  tags?: string | undefined;
  /** Reads the body; called at most once, when the call is within its limits. */
  text(): Promise<string>;
}

/** Answers calls to models and records them. Knows nothing of HTTP. */
export interface Gateway {
  readonly resolver: Resolver;
  readonly policy: Policy;
  readonly lanes: Lanes;
  readonly capabilities: Capabilities | null;
  /** Answers a call, with an error if need be. Never rejects; resolves when the call is over and recorded. */
  answer(incoming: Incoming, client: Client): Promise<void>;
  /** Whether a call is being answered or recorded. */
  readonly busy: boolean;
  /** Resolves when no call is being answered or recorded; call it before the store is closed. */
  settled(): Promise<void>;
}

const unlimited: Limits = { admit: () => ({ instead: null, headers: {}, settle: () => undefined }) };
/** Nothing is tried again, and nobody is left alone. */
const asItComes: Settings = {
  ...defaultSettings,
  routing: { ...defaultSettings.routing, retries: 0, breaker: { failures: Infinity, seconds: 1 } },
};
const unobserved: Observer = { start: () => ({ upstreamHeaders: {}, end: () => undefined }) };

const anyFits: FitPlan = (plan) => plan;

/** Creates the gateway: every completion that it acknowledges is in the store. */
export function createGateway(deps: GatewayDeps): Gateway {
  const { resolver, log } = deps;
  const open = new Set<Promise<void>>();
  const parts = {
    policy: createPolicy({ settings: () => defaultSettings, resolver }),
    lanes: createLanes({ settings: () => asItComes }),
    answers: null,
    prices: { cost: () => null, missed: () => undefined },
    limits: unlimited,
    observer: unobserved,
    warning: () => null,
    flushMs: 1_000,
    quietMs: 15_000,
    ...deps,
    fit: deps.capabilities ? createFit(deps.capabilities) : anyFits,
  };

  return {
    resolver,
    policy: parts.policy,
    lanes: parts.lanes,
    capabilities: deps.capabilities ?? null,
    answer(incoming, client) {
      const answering = answerCall(parts, incoming, client)
        .catch((error: unknown) => {
          log.error({ request: incoming.requestId, at: placesOf(error) }, 'a call was not answered');
        })
        .finally(() => open.delete(answering));
      open.add(answering);
      return answering;
    },
    get busy() {
      return open.size > 0;
    },
    async settled() {
      while (open.size > 0) await Promise.all(open);
    },
  };
}
