import type { Settings, TrafficLimits } from '../../core/settings.ts';
import { RatchetError } from '../../core/errors.ts';
import { type Limited, type Rates, createRates } from '../access/rates.ts';

/** What is limited: a provider with all its models, or one model. */
export interface Gate {
  /** For people: `The provider openai`. */
  readonly label: string;
  limits: TrafficLimits;
  /** Calls that are inside. */
  inside: number;
  /** Told when a call has left. */
  readonly waiting: Set<() => void>;
}

/** Limits of providers and models: how much they are given to do by this process. */
export interface Gates {
  /** The gates before a model, by the settings; none where nothing is limited. */
  before(provider: string, model: string, settings: Settings): readonly Gate[];
  /** Lets a call through all of them, and counts it; or through none, with RateLimited, whose details say `waitMs`. */
  enter(gates: readonly Gate[]): { leave(tokens: number): void } | RatchetError;
  /** Why a call could not enter now, without letting one in; null when it could. */
  refusal(gates: readonly Gate[]): RatchetError | null;
}

/** Creates the gates. `clock` is in ms and never runs backwards. */
export function createGates(clock: () => number): Gates {
  const rates: Rates = createRates(clock);
  const all = new Map<string, Gate>();

  function gateOf(label: string, limits: TrafficLimits | undefined): Gate[] {
    if (!limits || Object.keys(limits).length === 0) return [];
    // What is inside stays counted when the settings change.
    const gate = all.get(label) ?? { label, limits, inside: 0, waiting: new Set() };
    gate.limits = limits;
    all.set(label, gate);
    return [gate];
  }

  return {
    before: (provider, model, settings) => [
      ...gateOf(`The provider ${provider}`, settings.providers.get(provider)?.limits),
      ...gateOf(`The model ${provider}/${model}`, settings.models.get(`${provider}/${model}`)?.limits),
    ],
    enter(gates) {
      const full = gates.find(isFull);
      if (full) return tooMany(full);
      const counted = orRefusal(() => rates.admit(gates.map(limited)));
      if (counted instanceof RatchetError) return counted;
      for (const gate of gates) gate.inside += 1;
      return {
        leave(tokens) {
          counted.settle(tokens);
          for (const gate of gates) {
            gate.inside -= 1;
            for (const wake of gate.waiting) wake();
          }
        },
      };
    },
    refusal(gates) {
      const full = gates.find(isFull);
      return full ? tooMany(full) : (orRefusal(() => rates.check(gates.map(limited))) ?? null);
    },
  };
}

function isFull({ inside, limits }: Gate): boolean {
  return inside >= (limits.concurrent ?? Infinity);
}

function orRefusal<T>(count: () => T): T | RatchetError {
  try {
    return count();
  } catch (error) {
    if (!(error instanceof RatchetError)) throw error;
    // Headers of limits are about the client's own.
    const { headers: _headers, ...details } = error.details;
    const waitMs = Number(details.retryAfter) * 1_000;
    return new RatchetError(error.code, error.message, { details: { ...details, waitMs } });
  }
}

function limited({ label, limits }: Gate): Limited {
  return {
    holder: label,
    label,
    limits: { rpm: limits.requestsPerMinute ?? null, tpm: limits.tokensPerMinute ?? null },
  };
}

function tooMany({ label, limits: { concurrent } }: Gate): RatchetError {
  const message = `${label} is given ${concurrent} ${concurrent === 1 ? 'call' : 'calls'} at a time: wait a moment, or raise "concurrent" of its limits.`;
  return new RatchetError('RateLimited', message, { details: { retryAfter: '1', waitMs: Infinity } });
}
