import { RatchetError } from '../../core/errors.ts';
import { unlessAborted } from '../unless-aborted.ts';
import type { CheckpointServer } from './server.ts';

/** A place at a server that answers, for one call. */
export interface Place {
  /** URL up to and with `/v1`. */
  url: string;
  /** Gives it back; the second time it does nothing. */
  leave(): void;
}

export interface ServerPool {
  /** Starts the server of a checkpoint unless it runs, and waits for it. The signal ends the waiting only. */
  enter(folder: string, signal: AbortSignal): Promise<Place>;
  /** Checkpoints whose server runs or starts, with its process id; null until it has one. */
  running(): ReadonlyMap<string, number | null>;
  /** Ends all; nothing is started any more. */
  close(): Promise<void>;
}

export interface PoolOptions {
  start: (folder: string) => Promise<CheckpointServer>;
  /** How long a server that nobody asks is kept, in ms. */
  idleMs: () => number;
}

interface Entry {
  started: Promise<CheckpointServer>;
  server: CheckpointServer | null;
  calls: number;
  idle: NodeJS.Timeout | undefined;
}

/** One server for each checkpoint: started by its first call, ended after an idle time, started anew when it has died. */
export function createServerPool({ start, idleMs }: PoolOptions): ServerPool {
  const entries = new Map<string, Entry>();
  const ending = new Set<Promise<void>>();
  let closed = false;

  function entryOf(folder: string): Entry {
    const known = entries.get(folder);
    if (known) return known;
    const entry: Entry = { started: start(folder), server: null, calls: 0, idle: undefined };
    const forget = (): void => {
      clearTimeout(entry.idle);
      if (entries.get(folder) === entry) entries.delete(folder);
    };
    entries.set(folder, entry);
    entry.started.then((server) => {
      entry.server = server;
      void server.ended.then(forget);
    }, forget);
    return entry;
  }

  function end(folder: string, entry: Entry): void {
    entries.delete(folder);
    const stopped = entry.started.then(
      (server) => server.stop(),
      () => undefined,
    );
    ending.add(stopped);
    void stopped.finally(() => ending.delete(stopped));
  }

  function place(folder: string, entry: Entry): () => void {
    let left = false;
    entry.calls += 1;
    clearTimeout(entry.idle);
    return () => {
      if (left) return;
      left = true;
      entry.calls -= 1;
      if (entry.calls > 0 || entries.get(folder) !== entry) return;
      entry.idle = setTimeout(() => end(folder, entry), idleMs()).unref();
    };
  }

  return {
    async enter(folder, signal) {
      if (closed) throw new RatchetError('ProviderUnavailable', 'litgpt is shutting down: ask again later.');
      const entry = entryOf(folder);
      const leave = place(folder, entry);
      try {
        const server = await unlessAborted(entry.started, signal);
        await unlessAborted(server.ready, signal);
        return { url: server.url, leave };
      } catch (error) {
        leave();
        throw error;
      }
    },
    running: () => new Map([...entries].map(([folder, { server }]) => [folder, server?.pid ?? null])),
    async close() {
      closed = true;
      for (const [folder, entry] of entries) {
        clearTimeout(entry.idle);
        end(folder, entry);
      }
      await Promise.all(ending);
    },
  };
}
