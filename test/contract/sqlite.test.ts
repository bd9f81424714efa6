import { once } from 'node:events';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { type Compilable, type RawBuilder, sql } from 'kysely';
import { expect, test } from 'vitest';
import { RatchetError } from '../../src/core/errors.ts';
import { type Database, statement } from '../../src/store/database.ts';
import { openStore } from '../../src/store/open.ts';
import { openSqlite } from '../../src/store/sqlite/database.ts';
import { chat, request, user } from './chat-samples.ts';
import { runChild } from './fixtures/child.ts';
import { type Installation, installations } from './installation.ts';

const install = installations(async () => null);
const pageSize = 4096;

test('while another process holds the write lock, timers tick, reads answer, and the write waits', async () => {
  const installation = await install();
  const store = await installation.open();
  await chat(store, [user('before')], 'ok');
  const child = await holdWriteLock(installation);
  const events: string[] = [];
  const written = store.chats.begin(request([user('during')])).then(() => events.push('written'));
  for (let tick = 1; tick <= 20; tick += 1) {
    await sleep(50);
    expect((await store.chats.list({}, { limit: 10 })).items).toHaveLength(1);
    events.push(`tick ${tick}`);
  }
  child.release();
  events.push('released');
  await written;
  expect(events).toEqual([...Array.from({ length: 20 }, (_, n) => `tick ${n + 1}`), 'released', 'written']);
});

test('a slow query aside holds up neither timers nor reads nor writes', async () => {
  const { database } = await emptyDatabase();
  // It takes seconds, of which the writes are to need a small part.
  const slow = database.readAside<{ n: number }>(countTo(database, 10_000_000));
  const events: string[] = [];
  const counted = slow.then(([row]) => events.push(`counted ${row?.n}`));
  for (let tick = 1; tick <= 5; tick += 1) {
    await stand(database, `${tick}`);
    expect(await line(database)).toHaveLength(tick);
    await sleep(1);
    events.push(`tick ${tick}`);
  }
  await counted;
  expect(events.slice(0, 5)).toEqual(['tick 1', 'tick 2', 'tick 3', 'tick 4', 'tick 5']);
  expect(events.at(-1)).toBe('counted 10000000');
  const seen = await database.readAside(database.build.selectFrom('turn').select('cycle_id'));
  expect(seen).toHaveLength(5);
  await database.close();
});

test('its thread starts with the first query aside, and closing lets queries finish', async () => {
  const { database } = await emptyDatabase();
  const started = once(process, 'worker') as Promise<[Worker]>;
  const counted = database.readAside<{ n: number }>(countTo(database, 500_000));
  await started;
  const wrong = database.readAside(raw(database, sql`select no_such_column from turn`));
  const outcomes = Promise.allSettled([counted, wrong]);
  const closing = database.close();
  expect(await outcomes).toMatchObject([{ status: 'fulfilled', value: [{ n: 500_000 }] }, { status: 'rejected' }]);
  await closing;
  await expect(database.readAside(countTo(database, 1))).rejects.toMatchObject({ code: 'StoreUnavailable' });
});

test('when its reader dies, queries fail, and the next one starts another', async () => {
  const { database } = await emptyDatabase();
  const started = once(process, 'worker') as Promise<[Worker]>;
  expect(await database.readAside(countTo(database, 3))).toEqual([{ n: 3 }]);
  const [worker] = await started;
  const lost = expect(database.readAside(countTo(database, 50_000_000))).rejects.toMatchObject({
    code: 'StoreUnavailable',
  });
  await worker.terminate();
  await lost;
  expect(await database.readAside(countTo(database, 4))).toEqual([{ n: 4 }]);
  await database.close();
});

test('a write that waits too long for the lock is given up, and later ones are not', async () => {
  const { installation, database } = await emptyDatabase(200);
  const child = await holdWriteLock(installation);
  await expect(stand(database, 'early')).rejects.toMatchObject({ code: 'StoreUnavailable' });
  child.release();
  await child.ended;
  await stand(database, 'late');
  expect(await line(database)).toEqual(['late']);
  await database.close();
});

test.each([
  ['FULL', [2, 1, 2]],
  ['NORMAL', [1, 1, 1]],
] as const)('with synchronous=%s a batch is synced unless it says otherwise', async (synchronous, expected) => {
  const { dataDir } = await install();
  const database = await openSqlite(join(dataDir, 'ratchet.db'), { synchronous });
  const show = [{ sql: 'pragma synchronous', parameters: [] }];
  const shown: unknown[] = [];
  for (const sync of [true, false, true]) shown.push((await database.write(show, { sync }))[0]?.rows[0]?.synchronous);
  expect(shown).toEqual(expected);
  expect(database.writes()).toEqual({ commits: 3, syncs: synchronous === 'FULL' ? 2 : 0 });
  await database.close();
});

test('synced and unsynced batches that come together are all written, whatever group they come into', async () => {
  const { database } = await emptyDatabase();
  const before = database.writes();
  const batches = Array.from({ length: 400 }, (_, n) =>
    database.write([place(database, `${n}`)], { sync: n % 3 === 0, inFlight: n % 5 === 0 ? 200 : 0 }),
  );
  await Promise.all(batches);
  expect(await line(database)).toHaveLength(400);
  const { commits, syncs } = database.writes();
  expect(syncs - before.syncs).toBeGreaterThan(0);
  expect(commits - before.commits).toBeLessThan(200);
  await database.close();
});

test('what was deleted or replaced is not left in the file', async () => {
  const { installation, database } = await emptyDatabase();
  const secret = 'a sentence that was to be forgotten';
  for (let n = 0; n < 50; n += 1) await stand(database, `${n} ${secret}`);
  await database.write([statement(database.build.deleteFrom('turn'))]);
  await database.close();
  expect((await readFile(join(installation.dataDir, 'ratchet.db'))).includes(secret)).toBe(false);
});

test('writes that are asked for together are committed together', async () => {
  const { installation, database } = await emptyDatabase();
  const log = join(installation.dataDir, 'ratchet.db-wal');
  await stand(database, 'first');
  const before = (await stat(log)).size;
  await Promise.all(Array.from({ length: 500 }, (_, n) => stand(database, `${n}`)));
  expect(await line(database)).toHaveLength(501);
  // One by one they would take 500 pages at the least.
  expect(((await stat(log)).size - before) / pageSize).toBeLessThan(250);
  await database.close();
});

test('a batch that fails takes no other batch of its group with it, and leaves nothing of itself', async () => {
  const { database } = await emptyDatabase();
  const error = new RatchetError('Conflict', 'not one row');
  const results = await Promise.allSettled(
    Array.from({ length: 60 }, (_, n) => {
      const good = place(database, `${n}`);
      if (n % 3 === 1) return database.write([good, { ...good, expect: { rows: 7, error } }]);
      if (n % 3 === 2) return database.write([place(database, `${n} again`), good, good]);
      return database.write([good]);
    }),
  );
  expect(await line(database)).toHaveLength(20);
  for (const [n, result] of results.entries()) {
    expect(result.status).toBe(n % 3 === 0 ? 'fulfilled' : 'rejected');
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'Conflict' });
  }
  await database.close();
});

test('a batch larger than a group is still one transaction', async () => {
  const { database } = await emptyDatabase();
  const many = Array.from({ length: 2500 }, (_, n) => place(database, `${n}`));
  const results = await Promise.allSettled([
    database.write([...many, place(database, '7')]),
    database.write(many.map((each) => ({ ...each, expect: { rows: 1, error: new RatchetError('Bug', 'lost') } }))),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(await line(database)).toHaveLength(2500);
  await database.close();
});

test('when its writer dies, every write fails and says so', async () => {
  const started = once(process, 'worker') as Promise<[Worker]>;
  const { installation, database } = await emptyDatabase();
  const [worker] = await started;
  const child = await holdWriteLock(installation);
  const pending = [stand(database, 'one'), stand(database, 'two')];
  const outcomes = Promise.allSettled(pending);
  await worker.terminate();
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'StoreUnavailable' } });
  }
  await expect(stand(database, 'three')).rejects.toMatchObject({ code: 'StoreUnavailable' });
  expect(await line(database)).toEqual([]);
  child.release();
  await child.ended;
  await database.close();
});

test('closing lets what was asked for finish', async () => {
  const { installation, database } = await emptyDatabase();
  const written = Promise.all(Array.from({ length: 50 }, (_, n) => stand(database, `${n}`)));
  await database.close();
  await written;
  const again = await openSqlite(join(installation.dataDir, 'ratchet.db'));
  expect(await line(again)).toHaveLength(50);
  await again.close();
});

test('a file that is no database is refused, and a damaged one is found', async () => {
  const other = await install();
  await writeFile(join(other.dataDir, 'ratchet.db'), 'not a database, but long enough to be taken for one'.repeat(200));
  await expect(other.open()).rejects.toMatchObject({ code: 'StoreUnavailable' });

  const installation = await install();
  const store = await openStore({ dataDir: installation.dataDir });
  for (let n = 0; n < 50; n += 1) await chat(store, [user(`${n} ${'x'.repeat(500)}`)], 'ok');
  await store.check();
  await store.close();
  const path = join(installation.dataDir, 'ratchet.db');
  const file = await open(path, 'r+');
  const pages = (await file.stat()).size / pageSize;
  for (let page = 20; page < pages; page += 2)
    await file.write(Buffer.alloc(pageSize, 0x5a), 0, pageSize, page * pageSize);
  await file.close();
  await expect(checkAgain(installation)).rejects.toMatchObject({ code: 'StoreUnavailable' });
});

test('a data folder that cannot be made is refused', async () => {
  const { dataDir } = await install();
  await writeFile(join(dataDir, 'file'), '');
  await expect(openStore({ dataDir: join(dataDir, 'file', 'below') })).rejects.toMatchObject({ code: 'InvalidInput' });
});

test('a database of a newer Ratchet is refused', async () => {
  const { installation, database } = await emptyDatabase();
  const newer = database.build.insertInto('migration').values({ name: '9999-later', applied_at: 1 });
  await database.write([statement(newer)]);
  await database.close();
  await expect(installation.open()).rejects.toMatchObject({ code: 'StoreUnavailable' });
});

test.skipIf(process.platform === 'win32')('nobody but its owner can read the database', async () => {
  const installation = await install();
  const dataDir = join(installation.dataDir, 'made', 'here');
  const store = await openStore({ dataDir });
  await chat(store, [user('secret')], 'ok');
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
  for (const name of ['ratchet.db', 'ratchet.db-wal']) expect((await stat(join(dataDir, name))).mode & 0o077).toBe(0);
  await store.close();
});

async function emptyDatabase(busyTimeoutMs?: number): Promise<{ installation: Installation; database: Database }> {
  const installation = await install();
  const path = join(installation.dataDir, 'ratchet.db');
  const database = await openSqlite(path, { ...(busyTimeoutMs !== undefined && { busyTimeoutMs }) });
  const store = await openStore({ dataDir: installation.dataDir });
  await store.close();
  return { installation, database };
}

async function holdWriteLock(installation: Installation) {
  const child = runChild('hold-write-lock.ts', installation);
  for await (const said of child.lines) {
    if (said === 'held') break;
  }
  return child;
}

async function checkAgain({ dataDir }: Installation): Promise<void> {
  const store = await openStore({ dataDir });
  try {
    await store.check();
  } finally {
    await store.close();
  }
}

function place({ build }: Database, id: string) {
  return statement(build.insertInto('turn').values({ base: id, cycle_id: id, place: 1, held: 0, since: 0 }));
}

function stand(database: Database, id: string) {
  return database.write([place(database, id)]);
}

async function line({ build, read }: Database): Promise<string[]> {
  return (await read(build.selectFrom('turn').select('cycle_id'))).map((row) => row.cycle_id);
}

function raw<T>({ build }: Database, query: RawBuilder<T>): Compilable<T> {
  return { compile: () => query.compile(build) };
}

/** A query that takes long, and no lock. */
function countTo(database: Database, n: number): Compilable<{ n: number }> {
  return raw(
    database,
    sql<{ n: number }>`with recursive counted(n) as (select 1 union all select n + 1 from counted where n < ${n})
      select max(n) as n from counted`,
  );
}
