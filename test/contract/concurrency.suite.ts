import { expect, test } from 'vitest';
import { uuidv7 } from '../../src/store/ids.ts';
import { assistant, chat, request, user } from './chat-samples.ts';
import { runChild } from './fixtures/child.ts';
import type { NewInstallation } from './installation.ts';

/** What holds when several stores, of one process or of many, work on one database. */
export function concurrencySuite(install: NewInstallation): void {
  test('stores that are first opened together share one installation', async () => {
    const installation = await install();
    const stores = await Promise.all(Array.from({ length: 4 }, () => installation.open()));
    const records = await Promise.all(
      stores.map(async ({ chats }) => chats.get((await chats.begin(request([user('same')]))).id)),
    );
    expect(new Set(records.map((record) => record?.node)).size).toBe(1);
  });

  test('a turn is never held twice', async () => {
    const installation = await install();
    const [one, two] = [await installation.open(), await installation.open()];
    const ids = Array.from({ length: 8 }, () => uuidv7());
    const served: string[] = [];
    await Promise.all(ids.map((id, n) => (n % 2 ? one : two).cycles.enqueue('tiny', id)));
    while (served.length < ids.length) {
      const asked = [...ids, ...ids].map((id, n) => (n < ids.length ? one : two).cycles.takeTurn('tiny', id));
      const answers = await Promise.all(asked);
      const holders = new Set([...ids, ...ids].filter((_, n) => answers[n]));
      expect(holders.size).toBe(1);
      const [holder] = holders;
      served.push(holder ?? '');
      await one.cycles.releaseTurn('tiny', holder ?? '');
    }
    expect(new Set(served).size).toBe(ids.length);
  });

  test('of many promotions at once, one is appended', async () => {
    const installation = await install();
    const stores = [await installation.open(), await installation.open()];
    const line = {
      kind: 'promote' as const,
      modelVersion: null,
      selection: { provider: 'ollama', model: 'm' },
      fileDigest: 'f',
      actor: 'ada',
      cycleId: null,
      evidence: null,
    };
    for (const after of [0, 1, 2]) {
      const tries = Array.from({ length: 10 }, (_, n) => stores[n % 2]?.models.appendPromotion(line, after));
      const results = await Promise.allSettled(tries);
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'Conflict' });
      }
    }
    expect((await stores[0]?.models.head())?.seq).toBe(3);
  });

  test('step calls that begin at once are all counted', async () => {
    const installation = await install();
    const stores = [await installation.open(), await installation.open()];
    const id = uuidv7();
    await stores[0]?.cycles.create({ id, base: 'tiny', name: 'n', recipe: 'r' });
    const keys = Array.from({ length: 20 }, (_, n) => `key ${n % 10}`);
    await Promise.all(keys.map((key, n) => stores[n % 2]?.cycles.beginStep(id, 'train', key)));
    const calls = await stores[0]?.cycles.stepsOf(id);
    expect(calls?.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 10 }, () => 2));
  });

  test('processes that append together lose nothing, and readers see it as it comes', async () => {
    const installation = await install();
    const store = await installation.open();
    const children = [1, 2, 3].map((n) => runChild('append-chats.ts', installation, [`owner ${n}`, '40']));
    let seen = 0;
    const ended = Promise.all(children.map((child) => child.ended));
    const running = new Set(['appending']);
    void ended.finally(() => running.clear());
    while (running.size > 0) {
      const { items } = await store.chats.list({}, { limit: 1000 });
      expect(items.length).toBeGreaterThanOrEqual(seen);
      seen = items.length;
      await chat(store, [user(`beside ${seen}`)], 'ok', { owner: 'reader' });
    }
    expect(await ended).toEqual([0, 0, 0]);
    for (const n of [1, 2, 3]) {
      const { items } = await store.chats.list({ owner: `owner ${n}` }, { limit: 1000 });
      expect(items).toHaveLength(40);
      expect(items.every(({ state }) => state === 'complete')).toBe(true);
    }
  });

  test('what a killed process was told is recorded is recorded', async () => {
    const installation = await install();
    const child = runChild('append-chats.ts', installation, ['doomed', '100000'], { leaseMs: 500 });
    const told: string[] = [];
    for await (const id of child.lines) {
      told.push(id);
      if (told.length === 25) child.kill();
    }
    const store = await installation.open();
    for (const id of told) {
      expect(await store.chats.get(id)).toMatchObject({
        state: 'complete',
        choices: [{ message: assistant('answer') }],
      });
    }
    await store.check();
    await new Promise((resolve) => setTimeout(resolve, 600));
    const left = await store.chats.list({ states: ['open'] }, { limit: 10 });
    expect(await store.chats.sweepInterrupted()).toBe(left.items.length);
    expect((await store.chats.list({ states: ['open'] }, { limit: 10 })).items).toEqual([]);
  });
}
