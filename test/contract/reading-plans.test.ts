import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecretKey, randomBytes } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assistant, choice, outcome, request } from './chat-samples.ts';
import { fillRecord } from '../fixtures/fill-record.ts';
import { createChatStore } from '../../src/store/chats/chats.ts';
import { type Database, statement } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openSqlite } from '../../src/store/sqlite/database.ts';
import type { ChatStore, CompletionFilter } from '../../src/store/types.ts';

// With 20,000 chats a slow plan is not slow yet, so what is looked at is the plan: no query of a page may read the whole
// record, whatever is asked for.

let folder: string;
let database: Database;
let chats: ChatStore;
const seen: { sql: string; parameters: (string | number | null)[] }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-plans-'));
  database = await openSqlite(join(folder, 'ratchet.db'));
  await migrate(database);
  await fillRecord(database, { rows: 20_000, searchable: 2_000 });
  const watched: Database = {
    ...database,
    read: (query) => {
      seen.push(statement(query) as (typeof seen)[number]);
      return database.read(query);
    },
    readAside: (query) => {
      seen.push(statement(query) as (typeof seen)[number]);
      return database.readAside(query);
    },
  };
  chats = createChatStore({ database: watched, key: createSecretKey(randomBytes(32)), processId: 'none' });
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const filters: CompletionFilter[] = [
  {},
  { owner: 'owner 1' },
  { owner: 'nobody' },
  { owner: 'owner 1', models: ['common'] },
  { models: ['absent'] },
  { models: ['rare'] },
  { models: ['provider/rare'] },
  { providers: ['absent'], models: ['common'] },
  { keyId: 'key 1' },
  { team: 'team 1', owner: 'owner 1' },
  { kinds: ['embeddings'] },
  { kinds: ['chat'], owner: 'owner 2' },
  { states: ['failed'] },
  { states: ['open'] },
  { states: ['complete'] },
  { rated: true },
  { rated: false },
  { rated: true, models: ['common'], owner: 'owner 1' },
  { since: 1_700_000_005_000, until: 1_700_000_006_000 },
  { conversationId: 'conversation 7' },
  { search: 'common' },
  { search: 'common rare', owner: 'owner 1', models: ['common'] },
];

test.each(filters)('%j walks along an index', async (filter) => {
  for (const order of ['asc', 'desc'] as const) {
    const first = await chats.list(filter, { limit: 20, order });
    if (first.next !== null) await chats.list(filter, { limit: 20, order, cursor: first.next });
  }
  await chats.conversations(filter, { limit: 20 });
  const connection = new DatabaseSync(join(folder, 'ratchet.db'), { readOnly: true });
  for (const { sql, parameters } of seen.splice(0)) {
    const plan = connection.prepare(`explain query plan ${sql}`).all(...parameters);
    const details = plan.map(({ detail }) => String(detail)).filter((detail) => readsAll(detail, sql));
    expect({ sql, details }).toEqual({ sql, details: [] });
  }
  connection.close();
});

test.each(['listed', 'swept'])('what is open is %s without reading what is not', async (how) => {
  await (how === 'swept' ? chats.sweepInterrupted() : chats.list({ states: ['open'] }, { limit: 20 }));
  const connection = new DatabaseSync(join(folder, 'ratchet.db'), { readOnly: true });
  const plans = seen
    .splice(0)
    .flatMap(({ sql, parameters }) => connection.prepare(`explain query plan ${sql}`).all(...parameters));
  expect(plans.map(({ detail }) => String(detail)).join()).toContain('INDEX completion_open');
  expect(plans.map(({ detail }) => String(detail)).join()).not.toContain('completion_by_time');
  connection.close();
});

test('two values that are each common but never together are looked for along one of them', async () => {
  const page = await chats.list({ models: ['other'], owner: 'owner 1' }, { limit: 20 });
  expect(page).toEqual({ items: [], next: null });
  const texts = seen.splice(0).map(({ sql }) => sql);
  expect(texts.some((sql) => sql.includes('limit ? offset ?'))).toBe(true);
});

test('a batch of chats is indexed with three reads, each along an index', async () => {
  const message = (content: string) => ({ role: 'user', content });
  for (let at = 0; at < 30; at += 1) {
    const { id } = await chats.begin(request([message(`system ${at % 2}`), message(`question ${at}`)]));
    await chats.finish(id, outcome([choice(assistant(`answer ${at}`))]));
  }
  seen.splice(0);
  expect(await chats.indexNext(30)).toBe(30);
  const queries = seen.splice(0);
  expect(queries).toHaveLength(3);
  const connection = new DatabaseSync(join(folder, 'ratchet.db'), { readOnly: true });
  const plans = queries.flatMap(({ sql, parameters }) =>
    connection.prepare(`explain query plan ${sql}`).all(...parameters),
  );
  const details = plans.map(({ detail }) => String(detail));
  expect(details.filter((detail) => readsAll(detail, '') && !detail.includes('completion_unindexed'))).toEqual([]);
  expect(details.join()).toContain('INDEX completion_by_entry');
  connection.close();
  const { items } = await chats.list({ search: 'question answer 29' }, { limit: 5 });
  expect(items).toHaveLength(1);
});

/** Whether a step reads or sorts the whole record. What goes along an index in its order stops when a page is full. */
function readsAll(detail: string, sql: string): boolean {
  const along = /USING (COVERING )?INDEX completion_(by_time|rated)/.test(detail);
  const scans =
    /^SCAN (completion|later|message|conversation|thread_node|feedback)\b/.test(detail) &&
    !along &&
    !detail.endsWith('completion_open');
  // The few rows of one page may be sorted.
  // The few rows of one page may be sorted, and the few that are open.
  const few = ['group by', '"entry" in (', "= 'open'"].some((part) => sql.includes(part));
  const sorts = detail.startsWith('USE TEMP B-TREE FOR ORDER BY') && !few;
  return scans || sorts;
}
