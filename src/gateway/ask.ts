import { setTimeout as sleep } from 'node:timers/promises';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { AttemptFacts } from './ports.ts';
import type { Route } from './resolve.ts';
import { backOff, helpsElsewhere, isPassing, toldToWait } from './routing/faults.ts';
import type { Lane } from './routing/lane.ts';
import type { Lanes } from './routing/lanes.ts';
import { type Asked, type Question, askInTime, askOnce } from './routing/once.ts';

export interface AskOptions extends Question {
  /** In the order in which they are asked. */
  targets: readonly Route[];
  lanes: Lanes;
  /** Names the call among all that are answered. */
  caller: object;
  /** Until when the caller waits, as `performance.now()` counts. */
  until: number;
  /** Told before each try. */
  asking: (target: Route) => void;
  /** Told when one failed, or could not be asked, and another try is made. */
  failed: (attempt: AttemptFacts) => void;
  /** Told who answers. The call is in this lane until the caller takes it out, with how it ended. */
  answering: (lane: Lane) => void;
  /** From 0 to 1; `Math.random` unless given. */
  random?: (() => number) | undefined;
}

/** How long a call waits to be sent to the same model again, where another could be asked, and where none is left, in ms. */
const longestWait = { others: 1_000, nobody: 10_000 } as const;

/** Somebody who could not be asked when it was their turn, or whose provider wants patience. */
interface Aside {
  target: Route;
  lane: Lane;
  /** Why they could not; null where it is the provider who wants patience. */
  refused: RatchetError | null;
  /** It was told that they could not. */
  told: boolean;
}

type Tried = { asked: Asked } | { asked: null; error: RatchetError; next: boolean };

/**
 * Asks one target after the other until one answers, each again after faults that pass. The first call is on its way when
 * this returns. Another is asked only where the one before could not help it: an answer that refuses the request is passed
 * on. Who is over its limit, or left alone by its breaker, is asked last, if it can be by then.
 */
export async function askInOrder(options: AskOptions): Promise<Asked> {
  const { targets, lanes, caller, signal } = options;
  const told = teller(options);
  const aside: Aside[] = [];
  let error: RatchetError | null = null;
  for (const [at, target] of targets.entries()) {
    const lane = lanes.of(target.provider.name, target.model);
    const last = at === targets.length - 1 && aside.length === 0;
    const later = !last && lane.resting;
    const refused = later ? null : lane.enter(caller, last);
    if (later || refused) {
      aside.push({ target, lane, refused, told: false });
      continue;
    }
    tellOf(aside, told);
    const tried = await tryTarget(options, { target, lane, last, told });
    if (tried.asked) return tried.asked;
    if (!tried.next || signal.aborted) throw tried.error;
    ({ error } = tried);
  }
  return askAside(options, aside, { error, told });
}

/** Another is asked in place of those who could not be. */
function tellOf(aside: readonly Aside[], told: Teller): void {
  for (const one of aside) {
    if (one.refused && !one.told) told.note(unasked(one.target, one.refused));
    one.told ||= one.refused !== null;
  }
}

function unasked({ provider, model }: Route, { code }: RatchetError): AttemptFacts {
  return { provider: provider.name, model, code, unasked: true };
}

/** Tells of a failure only when another try is made: the last one is the call's own. */
interface Teller {
  /** Another try is made now. */
  go(): void;
  note(attempt: AttemptFacts): void;
}

function teller({ failed }: Pick<AskOptions, 'failed'>): Teller {
  let pending: AttemptFacts | null = null;
  const go = (): void => {
    if (pending) failed(pending);
    pending = null;
  };
  return {
    go,
    note(attempt) {
      go();
      pending = attempt;
    },
  };
}

interface Turn {
  target: Route;
  lane: Lane;
  /** Nobody is left after this one. */
  last: boolean;
  told: Teller;
}

/** Asks one target, which the call has been let in to, until it answers or is given up. */
async function tryTarget(options: AskOptions, turn: Turn): Promise<Tried> {
  const { caller, signal, until } = options;
  const { target, lane, last, told } = turn;
  for (let before = 0; ; before += 1) {
    told.go();
    options.asking(target);
    const start = performance.now();
    try {
      const asked = await ask(options, turn, before);
      lane.answered(caller);
      options.answering(lane);
      return { asked };
    } catch (thrown) {
      const error = asRatchetError(thrown);
      const now = performance.now();
      // Who looks whether it is well again has seen that it is not.
      const final = signal.aborted || lane.breaker.isProbe(caller);
      const wait = waitBefore(error, lane, before, options.random);
      const patience = Math.min(last ? longestWait.nobody : longestWait.others, until - now);
      const again = !final && wait !== null && wait < patience;
      lane.leave(caller, { error, tokens: 0, firstMs: null, stream: options.call.stream, again });
      const { provider, model } = target;
      const attempt = { provider: provider.name, model, code: error.code, durationMs: now - start };
      told.note({ ...attempt, ...(again && { retried: true }), ...(error.code === 'GpuBusy' && { unasked: true }) });
      if (!again) return { asked: null, error, next: helpsElsewhere(error) };
      // A client that leaves meanwhile is found below.
      await sleep(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return { asked: null, error: asRatchetError(signal.reason), next: false };
      const refused = lane.enter(caller, last);
      if (refused) return { asked: null, error: last ? error : refused, next: true };
    }
  }
}

function ask(options: AskOptions, { target, lane, last }: Turn, before: number): Promise<Asked> {
  const { retries, beginMs } = lane.rules;
  if (beginMs !== null) return askInTime(options, target, beginMs);
  return askOnce(options, target, last && before >= retries);
}

/** How long to wait before the same model is asked again, in ms; null when that would not help. */
function waitBefore(error: RatchetError, lane: Lane, before: number, random = Math.random): number | null {
  // Nobody asked it: that it may be asked is known at once.
  if (error.code === 'GpuBusy') return null;
  const told = toldToWait(error, Date.now());
  if (told !== null) lane.rest(told);
  if (before >= lane.rules.retries || !isPassing(error)) return null;
  return Math.max(told ?? 0, backOff(before, random));
}

/**
 * Asks those who could not be asked before and can be now, then waits for the soonest of the others. What somebody who was
 * asked has said is told to the caller rather than why another was not.
 */
async function askAside(
  options: AskOptions,
  aside: readonly Aside[],
  { error, told }: { error: RatchetError | null; told: Teller },
): Promise<Asked> {
  let failure = error;
  const giveUpAt = Math.min(options.until, performance.now() + longestWait.nobody);
  for (const [at, one] of aside.entries()) {
    one.refused = one.lane.enter(options.caller, true);
    if (one.refused) continue;
    const last = at === aside.length - 1 && aside.every(({ refused }) => refused === null);
    const tried = await tryTarget(options, { ...one, last, told });
    if (tried.asked) return tried.asked;
    if (!tried.next || options.signal.aborted) throw tried.error;
    failure = tried.error;
  }
  const refused = aside.filter(isRefused).toSorted((a, b) => waitOf(a.refused) - waitOf(b.refused));
  const [soonest] = refused;
  if (soonest) {
    const still = await enterLate(options, soonest.lane, giveUpAt);
    const tried = still ?? (await tryTarget(options, { ...soonest, last: true, told }));
    if ('asked' in tried && tried.asked) return tried.asked;
    if ('asked' in tried) throw tried.error;
    soonest.refused = still ?? soonest.refused;
  }
  for (const one of failure ? refused : refused.slice(1)) {
    if (!one.told) options.failed(unasked(one.target, one.refused));
  }
  throw failure ?? soonest?.refused ?? new RatchetError('Bug', 'A plan has no model to ask.');
}

function isRefused(one: Aside): one is Aside & { refused: RatchetError } {
  return one.refused !== null;
}

/** Lets a call in now, or after a short wait for room under a limit; else why not. */
async function enterLate({ caller, signal }: AskOptions, lane: Lane, giveUpAt: number): Promise<RatchetError | null> {
  for (;;) {
    const refused = lane.enter(caller, true);
    if (refused?.code !== 'RateLimited') return refused;
    const left = giveUpAt - performance.now();
    const waitMs = waitOf(refused);
    // Nobody knows how long calls take; a minute's count is known to the second.
    if (left <= 0 || (waitMs > left && waitMs !== Infinity)) return refused;
    await lane.room(Math.min(waitMs, left), signal);
    if (signal.aborted) throw asRatchetError(signal.reason);
  }
}

/** How long until a refused call may enter, in ms; `Infinity` when nobody can tell. */
function waitOf({ details: { waitMs } }: RatchetError): number {
  return typeof waitMs === 'number' ? waitMs : Infinity;
}
