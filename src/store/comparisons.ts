import { type Database, statement } from './database.ts';
import { now, uuidv7 } from './ids.ts';
import { decodeJson, encodeJson } from './json.ts';
import { isAfter, planPage, toPage } from './page.ts';
import type { ComparisonTable } from './schema.ts';
import type { ComparedAnswer, ComparisonRecord, ComparisonStore } from './types.ts';

/** Comparisons: which answers were given side by side. The answers themselves are completions. */
export function createComparisonStore(database: Database): ComparisonStore {
  const { build } = database;
  return {
    openConversation: async (owner) => {
      const id = uuidv7();
      const row = { id, owner, node: null, created_at: now() };
      await database.write([statement(build.insertInto('conversation').values(row))]);
      return id;
    },
    add: async ({ id, owner, conversationId, blind, answers }) => {
      const row: ComparisonTable = {
        id,
        owner,
        conversation_id: conversationId,
        blind: Number(blind),
        answers_json: encodeJson(answers),
        created_at: now(),
      };
      await database.write([statement(build.insertInto('comparison').values(row))]);
      return toRecord(row);
    },
    get: async (id) => {
      const [row] = await database.read(build.selectFrom('comparison').selectAll().where('id', '=', id));
      return row ? toRecord(row) : null;
    },
    list: async ({ owner }, request) => {
      const plan = planPage(request);
      const { after, order } = plan;
      const rows = await database.read(
        build
          .selectFrom('comparison')
          .selectAll()
          .$if(owner !== undefined, (query) => query.where('owner', '=', owner ?? ''))
          .$if(after !== null, (query) => query.where(isAfter(after ?? [0, ''], order, ['created_at', 'id'])))
          .orderBy('created_at', order)
          .orderBy('id', order)
          .limit(plan.limit + 1),
      );
      return toPage(rows, plan, (row) => [row.created_at, row.id], rows.map(toRecord));
    },
  };
}

function toRecord(row: ComparisonTable): ComparisonRecord {
  return {
    id: row.id,
    owner: row.owner,
    conversationId: row.conversation_id,
    blind: row.blind === 1,
    answers: decodeJson<ComparedAnswer[]>(row.answers_json),
    createdAt: row.created_at,
  };
}
