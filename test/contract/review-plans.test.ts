import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { measureAgreement } from '../../src/feedback/agreement.ts';
import { type ReviewFilter, createNextReview } from '../../src/feedback/review.ts';
import { createChatStore } from '../../src/store/chats/chats.ts';
import { type Database, type Statement, statement } from '../../src/store/database.ts';
import { createFeedbackStore } from '../../src/store/feedback.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createReviewStore } from '../../src/store/review.ts';
import { openSqlite } from '../../src/store/sqlite/database.ts';
import { fillRecord } from '../fixtures/fill-record.ts';

// With so few chats a slow plan is not slow yet, so what is looked at is the plan: nothing that is asked for may read a
// whole table.

let folder: string;
let database: Database;
let watched: Database;
const seen: Statement[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-review-plans-'));
  database = await openSqlite(join(folder, 'ratchet.db'));
  await migrate(database);
  await fillRecord(database, { rows: 5_000 });
  const choices = `[{"index":0,"id":"m","finishReason":"stop","extra":{}}]`;
  const body = { id: 'm', parent: null, body_json: '{"role":"assistant","parts":[]}', created_at: 1 };
  await database.write([
    statement(database.build.insertInto('message').values(body)),
    { sql: 'update completion set choices_json = ?', parameters: [choices] },
  ]);
  watched = {
    ...database,
    read: (query) => {
      seen.push(statement(query));
      return database.read(query);
    },
    readAside: (query) => {
      seen.push(statement(query));
      return database.readAside(query);
    },
    write: (statements, options) => {
      seen.push(...statements);
      return database.write(statements, options);
    },
  };
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

/** Steps that read a whole table, but for what goes along an index and stops when a page is full. */
function wholeTables(statements: readonly Statement[]): string[] {
  const connection = new DatabaseSync(join(folder, 'ratchet.db'), { readOnly: true });
  const steps = statements.flatMap(({ sql, parameters }) =>
    connection.prepare(`explain query plan ${sql}`).all(...parameters),
  );
  connection.close();
  const along =
    /USING (COVERING )?INDEX (completion_by_time|review_answer_(unsettled|disputed|open)|review_contradiction_open|sqlite_autoindex_review_answer_1)/;
  return steps
    .map(({ detail }) => String(detail))
    .filter((detail) => /^SCAN (completion|conversation|feedback|review_\w+)\b/.test(detail) && !along.test(detail));
}

test.each<Partial<ReviewFilter>>([
  {},
  { owner: 'owner 1' },
  { owner: 'nobody' },
  { model: 'other' },
  { model: 'absent', provider: 'provider' },
  { tag: 'absent' },
])('%j, of what is new, disputed, unrated and rated before, is found along indexes', async (filter) => {
  const feedback = createFeedbackStore(watched);
  const chats = createChatStore({ database: watched, key: createSecretKey(randomBytes(32)), processId: 'none' });
  const deps = { review: createReviewStore(watched), feedback, chats };
  const chance = [0.5, 0.5, 0.5, 0.001];
  const next = createNextReview({ ...deps, random: () => chance.shift() ?? 0.001, othersBetween: 0 });
  for (const rater of ['ada', 'bob']) {
    const rating = rater === 'ada' ? 1 : -1;
    await feedback.add({ completionId: 'completion 00004000', choice: 0, rater, rating, source: 'api' });
  }
  const answer = (completionId: string) => ({ completionId, choice: 0 });
  const pair = { answer: answer('completion 00004000'), other: answer('completion 00004001') };
  await deps.review.setAside({ name: 'x', digest: 'd', since: Date.now(), answers: [pair] });
  await next('carl', { owner: 'nobody' });
  for (const rater of ['carl', 'carl', 'ada']) await next(rater, { owner: null, ...filter });
  await measureAgreement(deps);
  const statements = seen.splice(0);
  expect(statements.some(({ sql }) => sql.includes('review_answer.disputed = 1'))).toBe(true);
  expect(statements.some(({ sql }) => sql.includes('review_contradiction.settled = 0'))).toBe(true);
  expect(wholeTables(statements)).toEqual([]);
});
