import { RatchetError } from '../../core/errors.ts';
import { type MinuteWindow, createMinuteWindow } from '../access/window.ts';
import { type Breaker, type BreakerRules, type BreakerState, createBreaker } from './breaker.ts';
import { isProvidersFault, isRefusedConnection } from './faults.ts';
import type { Gate, Gates } from './gates.ts';

/** What the settings say of one model. */
export interface LaneRules {
  /** How often a call is tried again there. */
  retries: number;
  /** How long an answer may take to begin, in ms; null for ever. */
  beginMs: number | null;
  breaker: BreakerRules;
  gates: readonly Gate[];
}

/** How a call ended. */
export interface LaneEnd {
  /** What went wrong, whoever's fault it was. */
  error: RatchetError | null;
  /** Prompt and answer together. */
  tokens: number;
  /** From the question to the first piece of the answer, in ms; null when nothing came. */
  firstMs: number | null;
  stream: boolean;
  /** The call is sent there again, so that it is too early to judge. */
  again?: boolean;
}

/** One model of one provider as calls find it: how busy, how fast, and whether it may be asked now. */
export interface Lane {
  readonly provider: string;
  readonly model: string;
  rules: LaneRules;
  /** Calls that are being answered there. */
  readonly inFlight: number;
  /** Whether it has ever answered. */
  readonly hasAnswered: boolean;
  readonly breaker: Pick<Breaker, 'state' | 'failures' | 'waitFor' | 'isProbe'>;
  /** Time to the first piece, in ms, the latest counting most; null when never measured. */
  latency(stream: boolean): number | null;
  /** Tokens of the last minute, counted from when somebody first asks. */
  tokensLately(): number;
  /** Lets a call in, or says why it cannot go there now: `details.waitMs` is how long until it may. `last`: nobody else is left. */
  enter(call: object, last: boolean): RatchetError | null;
  /** The answer of a call has begun. */
  answered(call: object): void;
  /** Once for each call that was let in. */
  leave(call: object, end: LaneEnd): void;
  /** The provider said to come back later. Others are asked first until then. */
  rest(ms: number): void;
  readonly resting: boolean;
  /** Resolves when a call has left, or after so long, in ms. */
  room(ms: number, signal: AbortSignal): Promise<void>;
  view(): LaneView;
}

/** What others may see of a lane. */
export interface LaneView {
  provider: string;
  model: string;
  breaker: BreakerState;
  /** Faults since the last answer. */
  failures: number;
  /** Until a call may look whether it is well again, in ms; null while the breaker is closed, or another call looks. */
  waitMs: number | null;
  inFlight: number;
  /** The provider asked for patience. */
  resting: boolean;
  /** Why it failed last; null when it has answered since. */
  reason: string | null;
  /** Which limit it is over; null when it is over none. */
  full: string | null;
  /** Mean time to the first piece of a stream, in ms; null when never measured. */
  firstPieceMs: number | null;
}

export interface LaneDeps {
  provider: string;
  model: string;
  rules: LaneRules;
  gates: Gates;
  /** In ms, and never runs backwards. */
  clock: () => number;
  /** Told when its breaker opens, and when it closes. */
  broken: (open: boolean) => void;
}

/** A provider that asks for more patience than this is asked again all the same, in ms. */
const longestRestMs = 60_000;
/** Share of the newest measure in the mean. */
const newest = 0.3;

/** A mean in which what was measured last counts most; null when nothing was. */
function createMean(): { value(): number | null; add(value: number): void } {
  let mean: number | null = null;
  return {
    value: () => mean,
    add(value) {
      mean = mean === null ? value : mean + newest * (value - mean);
    },
  };
}

/** Creates the lane of a model. */
export function createLane({ provider, model, rules, gates, clock, broken }: LaneDeps): Lane {
  const breaker = createBreaker(broken);
  const inside = new Map<object, { leave(tokens: number): void }>();
  const latency = { stream: createMean(), whole: createMean() };
  let lastError: RatchetError | null = null;
  let tokens: MinuteWindow | null = null;
  let inFlight = 0;
  let hasAnswered = false;
  let restUntil = 0;

  function pass(call: object): RatchetError | null {
    if (lane.rules.gates.length === 0) return null;
    const entered = gates.enter(lane.rules.gates);
    if (entered instanceof RatchetError) return entered;
    inside.set(call, entered);
    return null;
  }

  /** A look at who does not listen costs nothing, so it is worth one when nobody else is left. */
  const costless = (last: boolean): boolean => last && lastError !== null && isRefusedConnection(lastError);

  const lane: Lane = {
    provider,
    model,
    rules,
    breaker,
    get inFlight() {
      return inFlight;
    },
    get hasAnswered() {
      return hasAnswered;
    },
    latency: (stream) => latency[stream ? 'stream' : 'whole'].value(),
    tokensLately: () => (tokens ??= createMinuteWindow()).sum(clock()),
    enter(call, last) {
      const at = clock();
      if (!breaker.enter(at, call, costless(last))) return openError(lane, breaker.waitFor(at), lastError);
      const full = pass(call);
      if (full) breaker.left(call);
      else inFlight += 1;
      return full;
    },
    answered(call) {
      hasAnswered = true;
      // What comes after the first piece is seen at its end; that there is one is what a probe looks for.
      if (breaker.isProbe(call)) breaker.answered(call);
    },
    leave(call, { error, firstMs, stream, ...end }) {
      inFlight -= 1;
      if (error === null || isRefusal(error)) breaker.answered(call);
      else if (isProvidersFault(error)) {
        lastError = error;
        if (!end.again) breaker.failed(clock(), call, lane.rules.breaker);
      } else breaker.left(call);
      if (firstMs !== null) latency[stream ? 'stream' : 'whole'].add(firstMs);
      tokens?.add(clock(), end.tokens);
      if (inside.size === 0) return;
      inside.get(call)?.leave(end.tokens);
      inside.delete(call);
    },
    rest(ms) {
      restUntil = Math.max(restUntil, clock() + Math.min(ms, longestRestMs));
    },
    get resting() {
      return restUntil !== 0 && clock() < restUntil;
    },
    room: (ms, signal) => roomAt(lane.rules.gates, ms, signal),
    view: () => viewOf(lane, { at: clock(), lastError, full: gates.refusal(lane.rules.gates) }),
  };
  return lane;
}

/** Who refuses a request is there. */
function isRefusal({ code, details }: RatchetError): boolean {
  return typeof details.providerStatus === 'number' && (code === 'ProviderRejected' || code === 'NotFound');
}

interface Sight {
  at: number;
  lastError: RatchetError | null;
  full: RatchetError | null;
}

function viewOf(lane: Lane, { at, lastError, full }: Sight): LaneView {
  const { provider, model, breaker, inFlight, resting } = lane;
  const state = breaker.state(at);
  const waitMs = breaker.waitFor(at);
  return {
    provider,
    model,
    breaker: state,
    failures: breaker.failures,
    waitMs: state === 'closed' || !Number.isFinite(waitMs) ? null : waitMs,
    inFlight,
    resting,
    reason: breaker.failures > 0 ? (lastError?.message ?? null) : null,
    full: full?.message ?? null,
    firstPieceMs: lane.latency(true),
  };
}

/** Why nobody asks a model whose breaker is open. */
function openError(lane: Lane, waitMs: number, last: RatchetError | null): RatchetError {
  const { failures } = lane.breaker;
  const seconds = Number.isFinite(waitMs) ? Math.max(1, Math.ceil(waitMs / 1_000)) : 1;
  const times = failures === 1 ? 'once' : `${failures} times in a row`;
  const why = last ? ` ${/[.!?]$/.test(last.message) ? last.message : `${last.message}.`}` : '';
  const message = `${lane.provider}/${lane.model} has failed ${times} and is left alone for another ${seconds} s.${why}`;
  return new RatchetError('ProviderUnavailable', message, {
    details: { provider: lane.provider, httpStatus: 503, retryAfter: String(seconds), waitMs, left: true },
  });
}

function roomAt(gates: readonly Gate[], ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      for (const { waiting } of gates) waiting.delete(done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    for (const { waiting } of gates) waiting.add(done);
  });
}
