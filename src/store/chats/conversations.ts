import type { KeyObject } from 'node:crypto';
import { sql } from 'kysely';
import { textOf } from '../../core/message.ts';
import { type Database } from '../database.ts';
import type { PagePlan } from '../page.ts';
import type { CompletionFilter, CompletionRecord, ConversationRecord, Page } from '../types.ts';
import { listCompletions } from './list.ts';
import { toRecords } from './records.ts';

const wordsShown = 200;

/** Conversations that have a completion which the filter lets through; that of the last such completion comes first. */
export async function listConversations(
  database: Database,
  key: KeyObject,
  filter: CompletionFilter,
  plan: PagePlan,
): Promise<Page<ConversationRecord>> {
  const kinds = filter.kinds ?? (['chat', 'responses'] as const);
  const { rows, next } = await listCompletions(database, { ...filter, kinds }, plan, { conversations: true });
  const ids = [...new Set(rows.map((row) => row.conversation_id))];
  return { items: await summarise(database, key, ids), next };
}

async function summarise(database: Database, key: KeyObject, ids: readonly string[]): Promise<ConversationRecord[]> {
  if (ids.length === 0) return [];
  const { build, readAside } = database;
  const sums = await readAside(
    build
      .selectFrom('completion')
      .select((eb) => [
        'conversation_id',
        'owner',
        'provider',
        'model',
        eb.fn.countAll<number>().as('completions'),
        eb.fn.min('created_at').as('first_at'),
        eb.fn.max('created_at').as('last_at'),
        sql<number | null>`cast(sum(${eb.ref('cost_nanos')}) as bigint)`.as('cost'),
      ])
      .where('conversation_id', 'in', ids)
      .groupBy(['conversation_id', 'owner', 'provider', 'model'])
      .orderBy('last_at'),
  );
  const openings = await firstWords(database, key, ids);
  return ids.map((id) => {
    const parts = sums.filter((sum) => sum.conversation_id === id);
    const costs = parts.map(({ cost }) => cost).filter((cost) => cost !== null);
    return {
      id,
      owner: parts[0]?.owner ?? '',
      firstWords: openings.get(id) ?? null,
      completions: parts.reduce((sum, { completions }) => sum + completions, 0),
      models: parts.map(({ provider, model }) => `${provider}/${model}`),
      costNanos: costs.length === 0 ? null : costs.reduce((sum, cost) => sum + cost, 0),
      firstAt: Math.min(...parts.map(({ first_at }) => first_at)),
      lastAt: Math.max(...parts.map(({ last_at }) => last_at)),
    };
  });
}

/** The first question of each conversation. */
async function firstWords(database: Database, key: KeyObject, ids: readonly string[]): Promise<Map<string, string>> {
  const { build, readAside } = database;
  const [first, ...rest] = ids.map((id) =>
    build
      .selectFrom(
        build
          .selectFrom('completion')
          .selectAll()
          .where('conversation_id', '=', id)
          .orderBy('created_at')
          .orderBy('id')
          .limit(1)
          .as('first'),
      )
      .selectAll(),
  );
  if (!first) return new Map();
  const rows = await readAside(rest.reduce((all, each) => all.unionAll(each), first));
  const records = await toRecords({ ...database, read: readAside }, key, rows);
  return new Map(records.flatMap((record) => opening(record)));
}

function opening({ conversationId, messages }: CompletionRecord): [string, string][] {
  const question = messages.find(({ role }) => role === 'user') ?? messages[0];
  const words = textOf(question?.content).replaceAll(/\s+/g, ' ').trim();
  return words === '' ? [] : [[conversationId, words.slice(0, wordsShown).toWellFormed()]];
}
