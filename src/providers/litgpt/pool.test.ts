import { describe, expect, test, vi } from 'vitest';
import { createServerPool } from './pool.ts';
import type { CheckpointServer } from './server.ts';

interface Fake extends CheckpointServer {
  folder: string;
  stopped: boolean;
  answer(): void;
  die(): void;
}

function fakes() {
  const started: Fake[] = [];
  const start = async (folder: string): Promise<CheckpointServer> => {
    const ready = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const fake: Fake = {
      folder,
      pid: started.length + 1,
      url: `http://127.0.0.1:${started.length + 1}/v1`,
      ready: ready.promise,
      ended: ended.promise,
      stopped: false,
      answer: () => ready.resolve(),
      die: () => {
        ready.reject(new Error('it ended'));
        ready.promise.catch(() => undefined);
        ended.resolve();
      },
      stop: async () => {
        fake.stopped = true;
        ended.resolve();
      },
    };
    started.push(fake);
    return fake;
  };
  return { started, start };
}

const patient = new AbortController().signal;

/** Enters with a server that answers at once. */
async function entered(idleMs = 1_000) {
  const { started, start } = fakes();
  const pool = createServerPool({ start, idleMs: () => idleMs });
  const entering = pool.enter('/a', patient);
  await expect.poll(() => started).toHaveLength(1);
  started[0]?.answer();
  return { pool, started, first: await entering };
}

describe('a pool of servers', () => {
  test('has one for each checkpoint, however many ask at once', async () => {
    const { started, start } = fakes();
    const pool = createServerPool({ start, idleMs: () => 1_000 });
    const all = ['/a', '/b', '/a', '/a'].map((folder) => pool.enter(folder, patient));
    await expect.poll(() => started).toHaveLength(2);
    for (const server of started) server.answer();
    const urls = (await Promise.all(all)).map(({ url }) => url);
    expect(new Set(urls).size).toBe(2);
    expect(urls[0]).toBe(urls[2]);
    expect(started.map(({ folder }) => folder)).toEqual(['/a', '/b']);
  });

  test('ends one that nobody asks, and starts another when it is asked again', async () => {
    vi.useFakeTimers();
    try {
      const { pool, started, first } = await entered();
      const second = await pool.enter('/a', patient);
      first.leave();
      first.leave();
      await vi.advanceTimersByTimeAsync(5_000);
      expect(started[0]?.stopped).toBe(false);
      second.leave();
      await vi.advanceTimersByTimeAsync(999);
      expect(started[0]?.stopped).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(started[0]?.stopped).toBe(true);
      expect(pool.running().size).toBe(0);
      void pool.enter('/a', patient);
      expect(pool.running().size).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test('starts one anew that has died', async () => {
    const { pool, started } = await entered();
    started[0]?.die();
    await expect.poll(() => pool.running().size).toBe(0);
    const again = pool.enter('/a', patient);
    await expect.poll(() => started).toHaveLength(2);
    started[1]?.answer();
    expect((await again).url).toBe(started[1]?.url);
  });

  test('tells everybody who waits that it could not start, and tries again for the next', async () => {
    const { started, start } = fakes();
    const pool = createServerPool({ start, idleMs: () => 1_000 });
    const waiting = [pool.enter('/a', patient), pool.enter('/a', patient)];
    await expect.poll(() => started).toHaveLength(1);
    started[0]?.die();
    expect(await Promise.allSettled(waiting)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
    void pool.enter('/a', patient).catch(() => undefined);
    await expect.poll(() => started).toHaveLength(2);
  });

  test('lets a caller go that has waited enough, and goes on starting', async () => {
    const { started, start } = fakes();
    const pool = createServerPool({ start, idleMs: () => 1_000 });
    const leaving = new AbortController();
    const gone = pool.enter('/a', leaving.signal);
    await expect.poll(() => started).toHaveLength(1);
    const staying = pool.enter('/a', patient);
    leaving.abort(new Error('enough'));
    await expect(gone).rejects.toThrow('enough');
    started[0]?.answer();
    expect((await staying).url).toBe(started[0]?.url);
  });

  test('ends all when it is closed, and starts no more', async () => {
    const { pool, started } = await entered();
    await pool.close();
    expect(started[0]?.stopped).toBe(true);
    await expect(pool.enter('/b', patient)).rejects.toThrow('shutting down');
    expect(started).toHaveLength(1);
  });
});
