import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { Store } from '../../src/store/types.ts';
import { assistant, choice, outcome, request, user } from './chat-samples.ts';
import { runChild } from './fixtures/child.ts';
import { type Installation, installations } from './installation.ts';

// What is special about SQLite's journal; what all databases do is in journaled.suite.ts.

const install = installations(async () => null);
afterEach(() => void vi.useRealTimers());

/** From now on the journal brings nothing into the tables by itself, nor is it wiped, however long a write takes. */
const standStill = () => void vi.useFakeTimers({ toFake: ['setTimeout'] });

/** A store whose journal is there: it is made when it is first wanted. */
async function opened(installation: Installation): Promise<Store> {
  const store = await installation.open();
  await talk(store, 'warm');
  await expect.poll(async () => (await files(installation)).length).toBe(3);
  return store;
}

async function talk(store: Store, text: string): Promise<string> {
  const { id } = await store.chats.begin(request([user(text)]), { journaled: true });
  await store.chats.finish(id, outcome([choice(assistant(`answer to ${text}`))]));
  return id;
}

async function files({ dataDir }: Installation): Promise<string[]> {
  const folder = join(dataDir, 'ratchet.db-journals');
  const names = await readdir(folder).catch(() => []);
  return names.map((name) => join(folder, name));
}

async function bytesOf(installation: Installation): Promise<string> {
  return (await Promise.all((await files(installation)).map((path) => readFile(path, 'latin1')))).join('');
}

test('a chat is one sync, its beginning none, and the tables are not waited for', async () => {
  const store = await opened(await install());
  await store.chats.get('settled');
  standStill();
  const before = store.writes();
  const { id } = await store.chats.begin(request([user('a')]), { journaled: true });
  expect(store.writes()).toEqual(before);
  await store.chats.finish(id, outcome([choice(assistant('b'))]));
  expect(store.writes()).toEqual({ commits: before.commits + 1, syncs: before.syncs + 1 });
  expect(await store.chats.get(id)).toMatchObject({ state: 'complete' });
  expect(store.writes().commits).toBe(before.commits + 2);
});

test('while another process holds the write lock, chats are taken down, and come into the tables after it', async () => {
  const installation = await install();
  const store = await opened(installation);
  const child = runChild('hold-write-lock.ts', installation);
  for await (const said of child.lines) if (said === 'held') break;
  const id = await talk(store, 'during');
  child.release();
  expect(await store.chats.get(id)).toMatchObject({ state: 'complete' });
});

test('its files are for the owner only, are wiped when all rests, and go when the store is closed', async () => {
  const installation = await install();
  const store = await opened(installation);
  standStill();
  await talk(store, 'a sentence of its own');
  for (const path of await files(installation)) {
    if (!path.endsWith('.lock')) expect((await stat(path)).mode & 0o077).toBe(0);
  }
  expect((await stat(join(installation.dataDir, 'ratchet.db-journals'))).mode & 0o077).toBe(0);
  expect(await bytesOf(installation)).toContain('a sentence of its own');
  vi.useRealTimers();
  await store.chats.get('settled');
  await expect.poll(() => bytesOf(installation), { timeout: 60_000 }).not.toContain('a sentence of its own');
  await store.close();
  expect(await files(installation)).toEqual([]);
});

test('what is erased is not left in it', async () => {
  const installation = await install();
  const store = await opened(installation);
  const id = await talk(store, 'a sentence to be forgotten');
  await store.chats.erase({ completionId: id });
  expect(await bytesOf(installation)).not.toContain('forgotten');
});

test('more than its files hold at once still comes into the tables, each once', async () => {
  const store = await opened(await install());
  const text = 'x'.repeat(100_000);
  const ids = await Promise.all(Array.from({ length: 120 }, (_, at) => talk(store, `${at} ${text}`)));
  for (const id of ids) expect(await store.chats.get(id)).toMatchObject({ state: 'complete' });
  const [sum] = await store.usage.sum({}, []);
  expect(sum).toMatchObject({ requests: 121 });
});

test('a journal is left alone while its process lives', async () => {
  const installation = await install();
  const store = await opened(installation);
  const names = await files(installation);
  const id = await talk(store, 'mine');
  const other = await installation.open();
  await other.chats.sweepInterrupted();
  expect(await files(installation)).toEqual(names);
  expect(await store.chats.get(id)).toMatchObject({ state: 'complete' });
});
