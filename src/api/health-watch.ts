import { asRatchetError } from '../core/errors.ts';
import type { Provider, ProviderHealth, SetUp } from '../providers/types.ts';
import { type PartHealth, type Probe, runProbe } from './probes.ts';
import { type ScheduleOptions, createSchedule } from './health-schedule.ts';

/** A provider and how it was when it was looked at last. */
export interface WatchedProvider {
  provider: Provider;
  setUp: SetUp['state'];
  health: ProviderHealth;
  /** Since when its state is what it is, and when it was looked at last, in ms since 1970; null before the first look. */
  since: number | null;
  checkedAt: number | null;
  /** Whether somebody set it up, or it has answered: only then it is missed. */
  isMissed: boolean;
}

export interface WatchedPart extends PartHealth {
  since: number;
}

/** How everything is, out of memory. What is not known yet is waited for once, for a few seconds. */
export interface HealthWatch {
  providers(): Promise<WatchedProvider[]>;
  parts(): Promise<Record<string, WatchedPart>>;
  /** Looks at everything, or only at the providers, now; those who ask together wait for the same look. */
  fresh(what?: 'providers'): Promise<void>;
  /** Somebody looks or calls. Cheap. */
  interest(): void;
  /** A live call says that a provider does not answer: it is looked at soon. */
  suspect(provider: string): void;
  /** Providers that are missed, and whether each answers. */
  up(): { provider: string; up: boolean }[];
  /** Looks again and again from now on. */
  start(): void;
  stop(): void;
}

export interface HealthWatchOptions extends Omit<ScheduleOptions, 'act'> {
  /** The providers there are now. */
  providers: () => readonly Provider[];
  /** Parts that are looked at like the providers. */
  parts: Readonly<Record<string, Probe>>;
  /** Told what a provider lists. */
  listed?: (provider: Provider, models: readonly string[]) => void;
  /** How long one look may take, in ms. */
  limitMs?: number;
  /** Ms since 1970. */
  date?: () => number;
}

/** A live call does not make us look at a provider again sooner than this, in ms. */
const suspectMs = 5_000;

interface Seen {
  health: ProviderHealth;
  since: number;
  checkedAt: number;
  hasAnswered: boolean;
}

/** Creates the watch. Nobody is looked at before it is started or asked. */
export function createHealthWatch(options: HealthWatchOptions): HealthWatch {
  const { providers, parts, listed, limitMs = 5_000, date = Date.now } = options;
  // By the object, since one that was made anew may be elsewhere.
  const seen = new WeakMap<Provider, Seen>();
  const seenParts = new Map<string, WatchedPart>();
  const schedule = createSchedule({ ...options, act: () => lookAtAll() });

  async function lookAt(provider: Provider): Promise<void> {
    if (setUpOf(provider).state === 'missing') return;
    const health = await within(limitMs, async (signal) => provider.health({ signal }));
    const [before, at] = [seen.get(provider), date()];
    const same = before?.health.state === health.state;
    seen.set(provider, {
      health,
      since: same ? before.since : at,
      checkedAt: at,
      hasAnswered: before?.hasAnswered === true || health.state !== 'red',
    });
    if (health.names) listed?.(provider, health.names);
  }

  async function lookAtPart(name: string, probe: Probe): Promise<void> {
    const found = await runProbe(probe, limitMs);
    const before = seenParts.get(name);
    seenParts.set(name, { ...found, since: before?.state === found.state ? before.since : date() });
  }

  const lookAtProviders = shared(() => Promise.all(providers().map(lookAt)));
  const lookAtParts = shared(() => Promise.all(Object.entries(parts).map((part) => lookAtPart(...part))));
  const lookAtAll = async (): Promise<void> => void (await Promise.all([lookAtProviders(), lookAtParts()]));

  /** Once for each, so that the first who ask are told something. */
  async function untilSeen(): Promise<void> {
    const isUnseen = (provider: Provider): boolean => !seen.has(provider) && setUpOf(provider).state !== 'missing';
    if (providers().some(isUnseen)) await lookAtProviders();
    // Those that came while others were looked at.
    await Promise.all(providers().filter(isUnseen).map(lookAt));
  }

  return {
    async providers() {
      schedule.interest();
      await untilSeen();
      return providers().map((provider) => watched(provider, seen.get(provider)));
    },
    async parts() {
      schedule.interest();
      if (seenParts.size < Object.keys(parts).length) await lookAtParts();
      return Object.fromEntries(seenParts);
    },
    fresh: (what) => (what === 'providers' ? lookAtProviders() : lookAtAll()),
    interest: schedule.interest,
    suspect(name) {
      const provider = providers().find((one) => one.name === name);
      const known = provider && seen.get(provider);
      if (!known || known.health.state === 'red' || date() - known.checkedAt < suspectMs) return;
      known.checkedAt = date();
      void lookAt(provider);
    },
    up: () => providers().flatMap((provider) => upOf(watched(provider, seen.get(provider)))),
    start: schedule.start,
    stop: schedule.stop,
  };
}

/** An act that those who want it together share. */
function shared(act: () => Promise<unknown>): () => Promise<void> {
  let going: Promise<void> | null = null;
  return () => {
    going ??= act()
      .then(() => undefined)
      .finally(() => (going = null));
    return going;
  };
}

function upOf({ provider, isMissed, health, checkedAt }: WatchedProvider): { provider: string; up: boolean }[] {
  return isMissed && checkedAt !== null ? [{ provider: provider.name, up: health.state !== 'red' }] : [];
}

function watched(provider: Provider, seen: Seen | undefined): WatchedProvider {
  const setUp = setUpOf(provider);
  if (setUp.state === 'missing') {
    const health: ProviderHealth = { state: 'yellow', reason: `It is not set up: ${setUp.hint}.` };
    return { provider, setUp: 'missing', health, since: null, checkedAt: null, isMissed: false };
  }
  const isMissed = setUp.state === 'given' || seen?.hasAnswered === true;
  if (!seen) {
    const health: ProviderHealth = { state: 'yellow', reason: 'It has not been looked at yet: ask again in a moment.' };
    return { provider, setUp: setUp.state, health, since: null, checkedAt: null, isMissed };
  }
  const { health, since, checkedAt } = seen;
  // Nobody said that there is one at its usual address.
  const shown = isMissed || health.state !== 'red' ? health : { ...health, state: 'yellow' as const };
  return { provider, setUp: setUp.state, health: shown, since, checkedAt, isMissed };
}

/** One whose keys cannot be read is set up all the same: the look says what is wrong. */
function setUpOf(provider: Provider): SetUp {
  try {
    return provider.setUp();
  } catch {
    return { state: 'given' };
  }
}

function faulty(error: unknown): ProviderHealth {
  return { state: 'red', reason: asRatchetError(error).message };
}

/** A look that ends in time, whatever a provider does. */
async function within(ms: number, look: (signal: AbortSignal) => Promise<ProviderHealth>): Promise<ProviderHealth> {
  const signal = AbortSignal.timeout(ms);
  const late = new Promise<ProviderHealth>((resolve) => {
    const reason = `It did not answer within ${ms} ms: look at its load, and at the way there.`;
    signal.addEventListener('abort', () => resolve({ state: 'red', reason }));
  });
  return Promise.race([look(signal).catch(faulty), late]);
}
