import type { Batch } from './protocol.ts';

// Which batches are committed together, and when. As PostgreSQL's `commit_delay` and `commit_siblings`: a synced batch
// waits a little for companions when many chats are in flight, so that one sync serves all of them.

export interface Waiting {
  id: number;
  batch: Batch;
  /** When it came, in ms. */
  since: number;
  /** It was in a group with one that failed: it gets a savepoint of its own. */
  careful: boolean;
}

/** With fewer chats in flight nobody waits for companions. */
const fewest = 8;
/** With so many, a batch waits longest. */
const most = 200;
const longestMs = 25;
/** A group goes out at once when so large a part of the chats in flight has come, and after its wait with half of that. */
const part = 1 / 4;
/** In a crowd of more than this it is as many as there are above it, since a sync for less would be one of too many; */
const crowd = 40;
/** but where they are no more than a part of the crowd, so many are enough. */
const enough = 32;
/**
 * Where chats end more slowly a group is waited for so many times as long, if half of it comes in that time. By Little's
 * law that is no longer than the same part of what a chat takes then.
 */
const times = 20;
/** Over what time it is measured how many come and are in flight, in ms. */
const memoryMs = 500;
/** How long a crowd is remembered: it ends one by one, in ms. */
const crowdMs = 2_000;
/** What came in less time than this says little of how many come, in ms. */
const shortestMs = 50;

/** How long a synced batch may wait for companions, in ms. */
export function waitFor(inFlight: number): number {
  return (longestMs * Math.max(0, Math.min(inFlight, most) - fewest)) / (most - fewest);
}

/** How many synced batches are a group: `at once`, or when the first of them has waited. */
export function wantedOf(inFlight: number, when: 'at once' | 'waited'): number {
  const least = Math.min(inFlight - crowd, Math.max(enough, inFlight * part));
  const share = when === 'at once' ? part : part / 2;
  return Math.max(1, Math.floor(Math.max(inFlight * share, least)));
}

export interface WaitingLine {
  add(id: number, batch: Batch): void;
  readonly size: number;
  /** When to commit the synced batches, or to ask again; on the clock of `performance.now`, null when there are none. */
  due(now: number): number | null;
  /** Whether any batch of the line needs no sync. */
  readonly unsynced: boolean;
  /** What comes next into a group: the oldest, or the oldest that needs no sync. */
  next(full: boolean): Waiting | undefined;
  take(full: boolean): Waiting | undefined;
  /** Puts what was taken back in front. */
  putBack(taken: readonly Waiting[]): void;
  /** Takes out all for which this holds. */
  remove(matches: (waiting: Waiting) => boolean): Waiting[];
}

/** Creates the line in which batches wait for the writer. */
export function createLine(): WaitingLine {
  let synced: Waiting[] = [];
  let unsynced: Waiting[] = [];
  /** How many synced batches came, and how many chats were in flight: what was long ago counts less. `since` they come. */
  let lately = { came: 0, inFlight: 0, at: -Infinity, since: 0 };

  /** The line that has the next batch. */
  function lineOf(full: boolean): Waiting[] {
    const [first, other] = [unsynced[0], synced[0]];
    return !full || !other || (first && first.id < other.id) ? unsynced : synced;
  }

  function note(now: number, inFlight: number): void {
    const left = Math.exp((lately.at - now) / memoryMs);
    lately = {
      came: lately.came * left + 1,
      // Chats come in waves: the few of a wave's end are followed by many.
      inFlight: Math.max(inFlight, lately.inFlight * Math.exp((lately.at - now) / crowdMs)),
      at: now,
      since: now - lately.at > memoryMs ? now : lately.since,
    };
  }

  /** How many come in so long a time, by those that came lately. */
  function comeIn(ms: number, now: number): number {
    const seen = 1 - Math.exp(-Math.max(now - lately.since, shortestMs) / memoryMs);
    return (lately.came * Math.exp((lately.at - now) / memoryMs) * ms) / (memoryMs * seen);
  }

  function due(now: number): number | null {
    const first = synced[0];
    if (!first) return null;
    const cannotWait = synced.some(({ batch }) => batch[1] === 0);
    const count = synced.length;
    if (cannotWait || count >= wantedOf(lately.inFlight, 'at once')) return first.since;
    const wait = waitFor(lately.inFlight);
    const elapsed = now - first.since;
    if (elapsed < wait) return first.since + wait;
    const wanted = wantedOf(lately.inFlight, 'waited');
    const longest = wait * times;
    const willCome = comeIn(longest, now);
    const hopeless = elapsed >= longest || willCome < wanted / 2;
    return hopeless || count >= Math.min(wanted, willCome) ? now : now + wait / 5;
  }

  return {
    add(id, batch) {
      const waiting = { id, batch, since: performance.now(), careful: false };
      if (batch[0]) note(waiting.since, batch[1]);
      (batch[0] ? synced : unsynced).push(waiting);
    },
    get size() {
      return synced.length + unsynced.length;
    },
    due,
    get unsynced() {
      return unsynced.length > 0;
    },
    next: (full) => lineOf(full)[0],
    take: (full) => lineOf(full).shift(),
    putBack(taken) {
      synced = [...taken.filter(({ batch: [sync] }) => sync), ...synced];
      unsynced = [...taken.filter(({ batch: [sync] }) => !sync), ...unsynced];
    },
    remove(matches) {
      const removed = [...synced, ...unsynced].filter(matches);
      const stays = (waiting: Waiting): boolean => !removed.includes(waiting);
      [synced, unsynced] = [synced.filter(stays), unsynced.filter(stays)];
      return removed;
    },
  };
}
