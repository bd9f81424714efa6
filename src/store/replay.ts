import type { KeyObject } from 'node:crypto';
import { type Compilable, type SchemaModule, sql } from 'kysely';
import { keyedHash } from './chats/keyed-hash.ts';
import { type Database, type Statement, chunks, statement } from './database.ts';
import { now } from './ids.ts';
import { decodeJson, encodeJson } from './json.ts';
import type { ReplayStore, ReplayedAnswer } from './replay-types.ts';

/** The table of what bases answered. */
export function replay(schema: SchemaModule): Compilable<unknown>[] {
  return [
    schema
      .createTable('replay_answer')
      .addColumn('request', 'text', (c) => c.primaryKey())
      .addColumn('text_json', 'text', (c) => c.notNull())
      .addColumn('cut_off', 'integer', (c) => c.notNull())
      .addColumn('completion_id', 'text', (c) => c.references('completion.id'))
      .addColumn('created_at', 'bigint', (c) => c.notNull()),
    schema
      .createIndex('replay_answer_by_completion')
      .on('replay_answer')
      .column('completion_id')
      .where(sql.ref('completion_id'), 'is not', null),
  ];
}

/** What bases answered, by a hash of what they were asked: whose prompt it is cannot be told from it without the key. */
export function createReplayStore(database: Database, key: KeyObject): ReplayStore {
  const { build, readAside } = database;
  const named = (request: string): string => keyedHash(key, `replay\n${request}`);
  return {
    find: async (requests) => {
      const requestOf = new Map(requests.map((request) => [named(request), request]));
      const found = new Map<string, ReplayedAnswer>();
      for (const some of chunks([...requestOf.keys()], 500)) {
        const query = build.selectFrom('replay_answer').select(['request', 'text_json', 'cut_off']);
        for (const { request, text_json, cut_off } of await readAside(query.where('request', 'in', some))) {
          found.set(requestOf.get(request) ?? '', { text: decodeJson(text_json), cutOff: cut_off === 1 });
        }
      }
      return found;
    },
    keep: async (request, answer, completionId) => {
      await database.write([insertAnswer(database, named(request), answer, completionId)]);
    },
  };
}

/** Who was faster has kept the same. */
function insertAnswer(
  { build }: Database,
  request: string,
  { text, cutOff }: ReplayedAnswer,
  completionId: string | null,
): Statement {
  const there = sql<boolean>`cast(${completionId} as text) is null or exists (select 1 from completion
    where completion.id = ${completionId} and completion.erased_at is null)`;
  const query = sql`
    insert into replay_answer (request, text_json, cut_off, completion_id, created_at)
    select cast(${request} as text), cast(${encodeJson(text)} as text), cast(${Number(cutOff)} as integer),
      cast(${completionId} as text), cast(${now()} as bigint)
    where ${there}
    on conflict (request) do nothing`;
  return statement({ compile: () => query.compile(build) });
}

/** What was said to the prompts of these completions. */
export function removeReplayed({ build }: Database, completionIds: readonly string[]): Statement {
  return statement(build.deleteFrom('replay_answer').where('completion_id', 'in', [...completionIds]));
}
