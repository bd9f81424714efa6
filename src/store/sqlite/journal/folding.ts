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
  let timer: NodeJS.Timeout | null = null;

  function schedule(ms: number): void {
    if (timer && ms > 0) return;
    if (timer) clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      fold().catch(() => undefined);
    }, ms);
  }

  function fold(): Promise<void> {
    folding ??= foldOnce().finally(() => {
      folding = null;
      if (queue.first !== null) schedule(stuck ? retryMs : gatherMs);
      else rest();
    });
    return folding;
  }

  async function foldOnce(): Promise<void> {
    const taken = queue.take();
    if (taken.length === 0) return;
    const sync = pair.waits;
    const { entries: left, error } = await tables.write(taken, sync);
    stuck = error;
    queue.putBack(left);
    queue.done(taken.slice(0, taken.length - left.length));
    unsynced = sync && !error ? 0 : unsynced + 1;
    if (error) throw error;
    if (sync) pair.written(queue.entries);
  }

  return {
    add(entry) {
      queue.add(entry);
      schedule(queue.size > mostStatements ? 0 : gatherMs);
    },
    holds: queue.holds,
    get pending() {
      return folding !== null || queue.first !== null;
    },
    get stuck() {
      return stuck;
    },
    async settle(upTo) {
      if (folding) await folding.catch(() => undefined);
      while ((queue.first ?? Infinity) <= upTo) await fold();
    },
    async settleForGood() {
      if (folding) await folding.catch(() => undefined);
      while (queue.first !== null || unsynced > 0) {
        const before = unsynced;
        if (queue.first !== null) await fold();
        else await tables.sync();
        if (queue.first === null && unsynced === before) unsynced = 0;
      }
    },
    stop() {
      if (timer) clearTimeout(timer);
    },
  };
}
