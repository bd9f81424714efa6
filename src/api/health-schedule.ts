export interface ScheduleOptions {
  /** What is done each time; must not reject. The next is planned when it is over. */
  act: () => Promise<void>;
  /** A clock in ms that never goes back. */
  now?: () => number;
  /** From 0 up to 1. */
  random?: () => number;
  /** Calls back after so many ms unless it is cancelled. */
  after?: (ms: number, act: () => void) => () => void;
}

/** Decides when to look again. */
export interface Schedule {
  /** Does it once, and from now on again and again. */
  start(): void;
  /** Somebody looks or calls, so that it matters how things are. Cheap: it is told of every call. */
  interest(): void;
  stop(): void;
}

/** How often it is done while somebody is interested, and how often else, in ms. */
const busyMs = 30_000;
const idleMs = 300_000;
/** For how long somebody counts as interested. */
const interestMs = 300_000;
/** Processes that were started together must not ask together for ever: a fifth more or less. */
const jitter = 0.2;

/** Creates a schedule: often while somebody looks or calls, seldom otherwise. */
export function createSchedule({
  act,
  now = () => performance.now(),
  random = Math.random,
  after = later,
}: ScheduleOptions): Schedule {
  let interestedAt = Number.NEGATIVE_INFINITY;
  let actedAt = Number.NEGATIVE_INFINITY;
  let isSlow = false;
  let running = false;
  let cancel: (() => void) | null = null;

  function plan(ms: number): void {
    cancel?.();
    cancel = after(ms, () => void run());
  }

  async function run(): Promise<void> {
    cancel = null;
    actedAt = now();
    await act();
    if (!running) return;
    isSlow = now() - interestedAt >= interestMs;
    plan((isSlow ? idleMs : busyMs) * (1 - jitter + 2 * jitter * random()));
  }

  return {
    start() {
      running = true;
      void run();
    },
    interest() {
      interestedAt = now();
      if (!isSlow || !running || cancel === null) return;
      isSlow = false;
      plan(Math.max(0, actedAt + busyMs - interestedAt));
    },
    stop() {
      running = false;
      cancel?.();
      cancel = null;
    },
  };
}

function later(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
