/** When a breaker opens, and for how long. */
export interface BreakerRules {
  /** So many faults in a row. */
  failures: number;
  seconds: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

/**
 * Keeps calls from a model that fails: closed, open after some faults in a row, half-open when its time is over. Then one
 * call is the probe: an answer closes it, a fault opens it again. Times are ms of one clock that never runs backwards. A
 * call is named by an object of its own; only calls that entered may tell how they ended.
 */
export interface Breaker {
  state(at: number): BreakerState;
  /** Faults since the last answer. */
  readonly failures: number;
  /** Whether the call may go there. `costless` lets one through an open breaker, too. */
  enter(at: number, call: object, costless?: boolean): boolean;
  /** How long until a call may be the probe, in ms; `Infinity` while another is. */
  waitFor(at: number): number;
  answered(call: object): void;
  failed(at: number, call: object, rules: BreakerRules): void;
  /** The call ended and told nothing of the model: a probe is given back. */
  left(call: object): void;
  /** Whether the call looks if the model is well again. */
  isProbe(call: object): boolean;
}

/** Creates a breaker that is closed; `changed` is told when it opens, and when it closes again. */
export function createBreaker(changed: (open: boolean) => void = () => undefined): Breaker {
  let failures = 0;
  let openUntil: number | null = null;
  let probe: object | null = null;

  const state = (at: number): BreakerState => {
    if (openUntil === null) return 'closed';
    return at < openUntil ? 'open' : 'half-open';
  };

  return {
    state,
    get failures() {
      return failures;
    },
    enter(at, call, costless = false) {
      if (openUntil === null) return true;
      if (probe !== null || (at < openUntil && !costless)) return false;
      probe = call;
      return true;
    },
    waitFor(at) {
      if (openUntil === null) return 0;
      return probe === null ? Math.max(0, openUntil - at) : Infinity;
    },
    answered(call) {
      // Calls from before it opened say nothing of the model as it is now.
      if (openUntil !== null && probe !== call) return;
      failures = 0;
      probe = null;
      if (openUntil === null) return;
      openUntil = null;
      changed(false);
    },
    failed(at, call, rules) {
      if (openUntil !== null && probe !== call) return;
      failures += 1;
      if (openUntil === null && failures < rules.failures) return;
      const opened = openUntil === null;
      probe = null;
      openUntil = at + rules.seconds * 1_000;
      if (opened) changed(true);
    },
    left(call) {
      if (probe === call) probe = null;
    },
    isProbe: (call) => probe === call,
  };
}
