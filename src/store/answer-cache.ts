import type { KeyObject } from 'node:crypto';
import { keyedHash } from './chats/keyed-hash.ts';
import { type Database, statement } from './database.ts';
import { now } from './ids.ts';
import type { AnswerCacheStore } from './answer-cache-types.ts';

/** The answers that may be given again. The text of a request is not kept, and cannot be told from its hash without the key. */
export function createAnswerCacheStore(database: Database, key: KeyObject): AnswerCacheStore {
  const { build } = database;
  const named = (request: string): string => keyedHash(key, `answer cache\n${request}`);
  return {
    find: async (request, since) => {
      const [row] = await database.read(
        build
          .selectFrom('cached_answer')
          .select('completion_id')
          .where('request', '=', named(request))
          .where('created_at', '>=', since),
      );
      return row?.completion_id ?? null;
    },
    keep: async (request, completionId) => {
      const row = { request: named(request), completion_id: completionId, created_at: now() };
      const { completion_id, created_at } = row;
      await database.write([
        statement(
          build
            .insertInto('cached_answer')
            .values(row)
            .onConflict((conflict) => conflict.column('request').doUpdateSet({ completion_id, created_at })),
        ),
      ]);
    },
    forgetBefore: async (time) => {
      const old = build.selectFrom('cached_answer').select(({ fn }) => fn.countAll<number | string>().as('count'));
      const [row] = await database.read(old.where('created_at', '<', time));
      const count = Number(row?.count ?? 0);
      if (count > 0) {
        await database.write([statement(build.deleteFrom('cached_answer').where('created_at', '<', time))]);
      }
      return count;
    },
  };
}
