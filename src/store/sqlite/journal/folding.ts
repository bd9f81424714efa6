import type { RatchetError } from '../../../core/errors.ts';
import type { FilePair } from './pair.ts';
import { type Entry, createQueue } from './queue.ts';
import type { Tables } from './tables.ts';

/** How long a batch stays out of the tables, so that others come with it, in ms. */
const gatherMs = 100;
/** With so many statements they go at once: one transaction takes no more. */
const mostStatements = 900;
/** How soon the tables are tried again, in ms. */
const retryMs = 500;

export interface Folding {
  add(entry: Entry): void;
  holds(keys: readonly string[]): boolean;
  /** Whether anything is not in the tables. */
  readonly pending: boolean;
  /** Why the tables take nothing now. */
  readonly stuck: RatchetError | null;
  /** Brings into the tables what was added up to this number; fails with why it cannot be. */
  settle(upTo: number): Promise<void>;
  /** Brings all into the tables, for good. */
  settleForGood(): Promise<void>;
  /** No more timers. */
  stop(): void;
}

/** Brings what stands in the journal into the tables, many batches in one transaction. `rest` is told when all is there. */
export function createFolding({ tables, pair, rest }: { tables: Tables; pair: FilePair; rest: () => void }): Folding {
  const queue = createQueue();
  let stuck: RatchetError | null = null;
  /** Transactions since the last one that is known to be synced. */
  let unsynced = 0;
  let folding: Promise<void> | null = null;
  /** The number of the first batch that is being written; null when none is. */
  let writing: number | null = null;
  const next = createTimer(() => void fold().catch(() => undefined));

  function fold(): Promise<void> {
    folding ??= foldOnce().finally(() => {
      folding = null;
      writing = null;
      if (queue.first !== null) next.within(stuck ? retryMs : gatherMs);
      else rest();
    });
    return folding;
  }

  async function foldOnce(): Promise<void> {
    const taken = queue.take();
    const [first] = taken;
    if (!first) return;
    writing = first.number;
    const sync = pair.waits;
    const { entries: left, error } = await tables.write(taken, sync);
    stuck = error;
    queue.putBack(left);
    queue.done(taken.slice(0, taken.length - left.length));
    unsynced = sync && !error ? 0 : unsynced + 1;
    if (error) throw error;
    if (sync) pair.written(queue.entries);
  }

  /** The number of the first batch that is not in the tables: others may have begun to write it. */
  function oldest(): number {
    return Math.min(writing ?? Infinity, queue.first ?? Infinity);
  }

  const isPending = (): boolean => oldest() < Infinity;

  return {
    add(entry) {
      queue.add(entry);
      next.within(queue.size > mostStatements ? 0 : gatherMs);
    },
    holds: queue.holds,
    get pending() {
      return isPending();
    },
    get stuck() {
      return stuck;
    },
    async settle(upTo) {
      // What was begun before this was asked for may fail for a reason that is gone by then.
      if (folding) await folding.catch(() => undefined);
      while (oldest() <= upTo) await fold();
    },
    async settleForGood() {
      if (folding) await folding.catch(() => undefined);
      while (isPending() || unsynced > 0) {
        if (isPending()) {
          await fold();
          continue;
        }
        const before = unsynced;
        await tables.sync();
        if (!isPending() && unsynced === before) unsynced = 0;
      }
    },
    stop: next.stop,
  };
}

/** Does something in some ms, or earlier when it is told so before that. */
function createTimer(action: () => void): { within(ms: number): void; stop(): void } {
  let timer: NodeJS.Timeout | null = null;

  function stop(): void {
    if (timer) clearTimeout(timer);
    timer = null;
  }

  return {
    within(ms) {
      if (timer && ms > 0) return;
      stop();
      timer = setTimeout(() => {
        timer = null;
        action();
      }, ms);
    },
    stop,
  };
}
