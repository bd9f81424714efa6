import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPostgres } from '../../src/store/postgres/database.ts';
import { type PostgresServer, startPostgres } from '../fixtures/postgres.ts';
import { chat, request, user } from './chat-samples.ts';
import { installations } from './installation.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const install = installations(() => server.createDatabase());

test('two transactions that deadlock both succeed in the end', async () => {
  const { databaseUrl } = await install();
  const database = openPostgres(databaseUrl ?? '');
  const slow = (first: number, second: number) => [
    { sql: 'select pg_advisory_xact_lock($1)', parameters: [first] },
    { sql: 'select pg_sleep(0.1)', parameters: [] },
    { sql: 'select pg_advisory_xact_lock($1)', parameters: [second] },
    { sql: 'insert into done values ($1)', parameters: [first] },
  ];
  await database.write([{ sql: 'create table done (n integer)', parameters: [] }]);
  await Promise.all([database.write(slow(1, 2)), database.write(slow(2, 1))]);
  const [count] = await database.write([{ sql: 'select count(*) as n from done', parameters: [] }]);
  expect(count?.rows).toEqual([{ n: 2 }]);
  await database.close();
});

test('a batch is synced unless it says otherwise, and the next one is again', async () => {
  const { databaseUrl } = await install();
  const database = openPostgres(databaseUrl ?? '');
  const show = [{ sql: 'show synchronous_commit', parameters: [] }];
  const shown: unknown[] = [];
  for (const sync of [true, false, true]) shown.push((await database.write(show, { sync }))[0]?.rows[0]);
  expect(shown).toEqual(['on', 'off', 'on'].map((synchronous_commit) => ({ synchronous_commit })));
  expect(database.writes()).toEqual({ commits: 3, syncs: 2 });
  await database.close();
});

test('text that PostgreSQL cannot hold is refused as such where it is not JSON', async () => {
  const store = await (await install()).open();
  const begun = store.chats.begin(request([user('hi')], { model: 'a\u0000b' }));
  await expect(begun).rejects.toMatchObject({ code: 'InvalidInput' });
});

test('a server that is gone makes the store unavailable, not the process', async () => {
  const doomed = await startPostgres();
  const { openStore } = await import('../../src/store/open.ts');
  const { dataDir } = await install();
  const store = await openStore({ dataDir, databaseUrl: await doomed.createDatabase() });
  await chat(store, [user('hi')], 'hello');
  const pending = Promise.allSettled(Array.from({ length: 5 }, () => chat(store, [user('hi')], 'hello')));
  await doomed.stop();
  for (const result of await pending) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'StoreUnavailable' });
  }
  await expect(store.chats.list({}, { limit: 1 })).rejects.toMatchObject({ code: 'StoreUnavailable' });
  await expect(store.check()).rejects.toMatchObject({ code: 'StoreUnavailable' });
  await expect(store.close()).rejects.toMatchObject({ code: 'StoreUnavailable' });
});
