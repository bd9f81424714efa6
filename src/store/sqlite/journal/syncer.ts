import { type Waiting, createLine } from '../group.ts';

export interface Syncer<File> {
  /** Resolves when all that was appended to a file so far is synced. With many chats in flight it waits for others. */
  wait(file: File, inFlight: number): Promise<void>;
  /** How many syncs there were. */
  readonly count: number;
  /** Resolves when nobody waits. */
  idle(): Promise<void>;
}

interface Waiter<File> {
  file: File;
  resolve(): void;
  reject(error: unknown): void;
}

/** Syncs the files of a journal, once for all who wait at that moment. */
export function createSyncer<File extends { sync(): Promise<void> }>(): Syncer<File> {
  const line = createLine();
  const waiters = new Map<number, Waiter<File>>();
  let lastId = 0;
  let count = 0;
  let running: Promise<void> | null = null;
  let wake: (() => void) | null = null;

  async function run(): Promise<void> {
    while (line.size > 0) {
      const now = performance.now();
      const due = line.due(now) ?? now;
      if (due > now) await pause(due - now);
      else await syncAll();
    }
    running = null;
  }

  /** Until the time is over or somebody comes. */
  async function pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    wake = null;
  }

  async function syncAll(): Promise<void> {
    const taken: Waiter<File>[] = [];
    for (let next = line.take(true); next; next = line.take(true)) {
      const waiter = takeWaiter(next);
      if (waiter) taken.push(waiter);
    }
    try {
      for (const file of new Set(taken.map((waiter) => waiter.file))) {
        count += 1;
        await file.sync();
      }
    } catch (error) {
      for (const { reject } of taken) reject(error);
      return;
    }
    for (const { resolve } of taken) resolve();
  }

  function takeWaiter({ id }: Waiting): Waiter<File> | undefined {
    const waiter = waiters.get(id);
    waiters.delete(id);
    return waiter;
  }

  return {
    wait: (file, inFlight) =>
      new Promise((resolve, reject) => {
        lastId += 1;
        waiters.set(lastId, { file, resolve, reject });
        line.add(lastId, [true, inFlight, []]);
        wake?.();
        running ??= run();
      }),
    get count() {
      return count;
    },
    idle: () => running ?? Promise.resolve(),
  };
}
