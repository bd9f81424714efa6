import type { NotedBatch } from '../../journal.ts';
import type { Place } from './pair.ts';

/** A batch that is not in the tables yet. */
export interface Entry extends Place, Pick<NotedBatch, 'keys' | 'refused'> {
  number: number;
  /** How many statements it has. */
  size: number;
}

/** Batches on their way into the tables, in order. */
export interface Queue {
  add(entry: Entry): void;
  /** How many statements wait. */
  readonly size: number;
  /** The number of the first that waits; null when none does. */
  readonly first: number | null;
  /** Whether one that is not in the tables has one of these keys. */
  holds(keys: readonly string[]): boolean;
  /** Takes all out; their keys stay until they are `done`. */
  take(): readonly Entry[];
  putBack(entries: readonly Entry[]): void;
  done(entries: readonly Entry[]): void;
  /** What waits. */
  readonly entries: readonly Entry[];
}

/** Creates an empty queue. */
export function createQueue(): Queue {
  const keys = new Map<string, number>();
  let entries: Entry[] = [];
  let size = 0;

  function release(key: string): void {
    const count = keys.get(key) ?? 0;
    if (count > 1) keys.set(key, count - 1);
    else keys.delete(key);
  }

  return {
    add(entry) {
      entries.push(entry);
      size += entry.size;
      for (const key of entry.keys) keys.set(key, (keys.get(key) ?? 0) + 1);
    },
    get size() {
      return size;
    },
    get first() {
      return entries[0]?.number ?? null;
    },
    holds: (some) => keys.size > 0 && some.some((key) => keys.has(key)),
    take() {
      const taken = entries;
      entries = [];
      size = 0;
      return taken;
    },
    putBack(some) {
      entries = [...some, ...entries];
      for (const entry of some) size += entry.size;
    },
    done(some) {
      for (const entry of some) for (const key of entry.keys) release(key);
    },
    get entries() {
      return entries;
    },
  };
}
