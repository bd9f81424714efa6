import { sql } from 'kysely';
import { compileOnce, perDatabase } from './compiled.ts';
import type { Database, Statement } from './database.ts';
import { now } from './ids.ts';
import type { UsageDayTable } from './schema.ts';
import type { CallUsage, UsageDimension, UsageStore, UsageSum } from './types.ts';

const columns = {
  day: 'day',
  owner: 'owner',
  keyId: 'key_id',
  team: 'team',
  provider: 'provider',
  model: 'model',
} as const satisfies Record<UsageDimension, keyof UsageDayTable>;

/** The sums of calls by UTC day, key, team and model. */
export function createUsageStore(database: Database): UsageStore {
  const { build } = database;
  return {
    add: async (call) => {
      // Nobody was told that it is safe: the next synced batch covers it.
      await database.write([countCall(database, call)], { sync: false });
    },
    sum: async ({ from, to, owner, keyId, team }, by) => {
      const grouped = by.map((dimension) => columns[dimension]);
      const total = (column: 'requests' | 'failures' | 'prompt_tokens' | 'completion_tokens' | 'cost_nanos') =>
        sql<number>`cast(coalesce(sum(${sql.ref(column)}), 0) as bigint)`.as(column);
      const rows = await database.readAside(
        build
          .selectFrom('usage_day')
          .select(grouped)
          .select([
            total('requests'),
            total('failures'),
            total('prompt_tokens'),
            total('completion_tokens'),
            total('cost_nanos'),
          ])
          .$if(from !== undefined, (query) => query.where('day', '>=', from ?? ''))
          .$if(to !== undefined, (query) => query.where('day', '<=', to ?? ''))
          .$if(owner !== undefined, (query) => query.where('owner', '=', owner ?? ''))
          .$if(keyId !== undefined, (query) => query.where('key_id', '=', keyId ?? ''))
          .$if(team !== undefined, (query) => query.where('team', '=', team ?? ''))
          .$if(grouped.length > 0, (query) =>
            grouped.reduce((sorted, column) => sorted.orderBy(column), query.groupBy(grouped)),
          ),
      );
      return rows.map((row) => toSum(row, by));
    },
  };
}

/** Statement that adds one call to the sums of its day. One that is counted already adds only its figures. */
export function countCall(database: Database, call: CallUsage, requests: -1 | 0 | 1 = 1): Statement {
  return addToDay(database)({
    day: new Date(now()).toISOString().slice(0, 10),
    owner: call.owner,
    key_id: call.keyId ?? '',
    team: call.team ?? '',
    provider: call.provider,
    model: call.model,
    requests,
    failures: call.failed ? 1 : 0,
    prompt_tokens: call.promptTokens,
    completion_tokens: call.completionTokens,
    cost_nanos: call.costNanos,
  });
}

const addToDay = perDatabase(({ build }) => {
  const plus = (column: 'requests' | 'failures' | 'prompt_tokens' | 'completion_tokens' | 'cost_nanos') =>
    sql<number>`${sql.ref(`usage_day.${column}`)} + ${sql.ref(`excluded.${column}`)}`;
  return compileOnce((row: UsageDayTable) =>
    build
      .insertInto('usage_day')
      .values(row)
      .onConflict((conflict) =>
        conflict.columns(['day', 'owner', 'key_id', 'team', 'provider', 'model']).doUpdateSet({
          requests: plus('requests'),
          failures: plus('failures'),
          prompt_tokens: plus('prompt_tokens'),
          completion_tokens: plus('completion_tokens'),
          cost_nanos: plus('cost_nanos'),
        }),
      ),
  );
});

type SumRow = Pick<UsageDayTable, 'requests' | 'failures' | 'prompt_tokens' | 'completion_tokens' | 'cost_nanos'> &
  Partial<UsageDayTable>;

function toSum(row: SumRow, by: readonly UsageDimension[]): UsageSum {
  return {
    ...Object.fromEntries(by.map((dimension) => [dimension, row[columns[dimension]]])),
    requests: row.requests,
    failures: row.failures,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    costNanos: row.cost_nanos,
  };
}
