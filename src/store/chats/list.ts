import { type SelectQueryBuilder, sql } from 'kysely';
import type { Database } from '../database.ts';
import { type PagePlan, isAfter } from '../page.ts';
import type { CompletionTable, Schema } from '../schema.ts';
import type { CompletionFilter } from '../types.ts';

/** One page of completions, and one row more when there are any. Both `since` and `until` count themselves in. */
export function selectCompletions({ build }: Database, filter: CompletionFilter, plan: PagePlan) {
  const { after, order, limit } = plan;
  return narrow(build.selectFrom('completion').selectAll(), filter)
    .$if(after !== null, (query) =>
      query.where((eb) => isAfter(eb, after ?? [0, ''], order, ['completion.created_at', 'completion.id'])),
    )
    .orderBy('created_at', order)
    .orderBy('id', order)
    .limit(limit + 1);
}

type Query = SelectQueryBuilder<Schema, 'completion', CompletionTable>;

function narrow(query: Query, filter: CompletionFilter): Query {
  let found = query;
  if (filter.owner !== undefined) found = found.where('owner', '=', filter.owner);
  if (filter.conversationId !== undefined) found = found.where('conversation_id', '=', filter.conversationId);
  if (filter.providers) found = found.where(oneOf(sql.ref('provider'), filter.providers));
  if (filter.models) {
    const models = filter.models;
    // A model is named as the provider knows it, or by its ref.
    const ref = sql`${sql.ref('provider')} || '/' || ${sql.ref('model')}`;
    found = found.where((eb) => eb.or([oneOf(sql.ref('model'), models), oneOf(ref, models)]));
  }
  if (filter.states) found = found.where(oneOf(sql.ref('state'), filter.states));
  if (filter.since !== undefined) found = found.where('created_at', '>=', filter.since);
  if (filter.until !== undefined) found = found.where('created_at', '<=', filter.until);
  if (filter.rated !== undefined) found = rated(found, filter.rated);
  return found;
}

function rated(query: Query, wanted: boolean): Query {
  return query.where((eb) => {
    const given = eb.exists(
      eb.selectFrom('feedback').select('feedback.id').whereRef('feedback.completion_id', '=', 'completion.id'),
    );
    return wanted ? given : eb.not(given);
  });
}

/** `value IN (…)`, which neither database can write for an empty list. */
function oneOf(value: ReturnType<typeof sql>, list: readonly string[]) {
  return list.length === 0 ? sql<boolean>`1 = 0` : sql<boolean>`${value} in (${sql.join(list)})`;
}
