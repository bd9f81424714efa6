import { type Compilable, type SchemaModule, type SqlBool, sql } from 'kysely';
import { type Condition, partsOf } from './chats/filters.ts';
import { type Database, type Statement, chunks, statement } from './database.ts';
import { now } from './ids.ts';
import type { ContradictedAnswer, ReviewStore } from './review-types.ts';
import type { FeedbackTable } from './schema.ts';
import type { AnswerRef, CompletionFilter } from './types.ts';

/** The table of answers that a build set aside because they contradict each other. It holds ids only. */
export function contradictions(schema: SchemaModule): Compilable<unknown>[] {
  const key = ['completion_id', 'choice', 'name', 'other_id', 'other_choice'] as const;
  return [
    schema
      .createTable('review_contradiction')
      .addColumn('completion_id', 'text', (c) => c.notNull().references('completion.id'))
      .addColumn('choice', 'integer', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('other_id', 'text', (c) => c.notNull())
      .addColumn('other_choice', 'integer', (c) => c.notNull())
      .addColumn('digest', 'text', (c) => c.notNull())
      .addColumn('settled', 'integer', (c) => c.notNull())
      .addColumn('at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('review_contradiction_key', [...key]),
    schema.createIndex('review_contradiction_by_other').on('review_contradiction').column('other_id'),
    schema.createIndex('review_contradiction_by_name').on('review_contradiction').columns(['name', 'digest']),
    schema
      .createIndex('review_contradiction_open')
      .on('review_contradiction')
      .columns(['at', 'completion_id', 'choice'])
      .where(sql.ref('settled'), '=', 0),
  ];
}

/** The condition of the partial index, word for word as the index has it. */
const isOpen = sql<boolean>`review_contradiction.settled = 0`;

/** Of an answer `wanted`: whether somebody still has to decide. */
export const stillContradicted = sql<boolean>`exists (select 1 from review_contradiction
  where review_contradiction.completion_id = wanted.completion_id and review_contradiction.choice = wanted.choice
  and ${isOpen})`;

export function contradicting(database: Database): Pick<ReviewStore, 'setAside' | 'contradicted'> {
  return {
    setAside: async (build) => void (await database.write(replaceContradictions(database, build))),
    contradicted: async (filter, { after, limit }) => {
      const rows = await database.readAside(openOnes(database, filter, after).limit(limit));
      return rows.map(({ otherId, otherChoice, ...row }) => {
        return { ...row, other: { completionId: otherId, choice: otherChoice } };
      });
    },
  };
}

/**
 * What the newest version of a name set aside replaces what the one before did. A pair that was decided on stays decided,
 * however often it is set aside. What was erased meanwhile, or lost its feedback, is not asked for.
 */
function replaceContradictions(database: Database, build: Parameters<ReviewStore['setAside']>[0]): Statement[] {
  const { name, digest, since, answers } = build;
  const gone = database.build.deleteFrom('review_contradiction').where('name', '=', name).where('digest', '!=', digest);
  return [...chunks(answers, 500).map((some) => insertSome(database, some, { name, digest, since })), statement(gone)];
}

function insertSome(
  { build }: Database,
  answers: readonly { answer: AnswerRef; other: AnswerRef }[],
  { name, digest, since }: { name: string; digest: string; since: number },
): Statement {
  const values = answers.map(
    ({ answer, other }) => sql`(cast(${answer.completionId} as text), cast(${answer.choice} as integer),
      cast(${other.completionId} as text), cast(${other.choice} as integer))`,
  );
  const said = sql`select 1 from feedback where feedback.completion_id = wanted.completion_id
    and feedback.choice = wanted.choice`;
  const query = sql`
    with wanted (completion_id, choice, other_id, other_choice) as (values ${sql.join(values)})
    insert into review_contradiction (completion_id, choice, name, other_id, other_choice, digest, settled, at)
    select wanted.completion_id, wanted.choice, cast(${name} as text), wanted.other_id, wanted.other_choice,
      cast(${digest} as text),
      case when exists (${said} and feedback.created_at > ${since}) then 1 else 0 end, cast(${now()} as bigint)
    from wanted join completion on completion.id = wanted.completion_id
    where completion.erased_at is null and exists (${said})
    on conflict (completion_id, choice, name, other_id, other_choice) do update set digest = excluded.digest,
      settled = case when review_contradiction.settled = 1 then 1 else excluded.settled end`;
  return statement({ compile: () => query.compile(build) });
}

/** Those that were set aside last come first. */
function openOnes(database: Database, filter: CompletionFilter, after: ContradictedAnswer | null) {
  const conditions = partsOf(database, filter).map(({ checked }: { checked: Condition }) => checked('completion'));
  const beyond =
    after === null
      ? sql<SqlBool>`1 = 1`
      : sql<SqlBool>`(review_contradiction.at, review_contradiction.completion_id, review_contradiction.choice)
          < (${after.at}, ${after.completionId}, ${after.choice})`;
  return database.build
    .selectFrom('review_contradiction')
    .innerJoin('completion', 'completion.id', 'review_contradiction.completion_id')
    .select([
      'review_contradiction.completion_id as completionId',
      'review_contradiction.choice as choice',
      'review_contradiction.at as at',
      'review_contradiction.other_id as otherId',
      'review_contradiction.other_choice as otherChoice',
    ])
    .where(isOpen)
    .where(sql.join<SqlBool>([sql`1 = 1`, ...conditions], sql` and `))
    .where(beyond)
    .orderBy('review_contradiction.at', 'desc')
    .orderBy('review_contradiction.completion_id', 'desc')
    .orderBy('review_contradiction.choice', 'desc');
}

/** Whatever somebody says of an answer decides what it contradicts. */
export function settleContradictions({ build }: Database, { completion_id, choice }: FeedbackTable): Statement {
  return statement(
    build
      .updateTable('review_contradiction')
      .set({ settled: 1 })
      .where('completion_id', '=', completion_id)
      .where('choice', '=', choice)
      .where('settled', '=', 0),
  );
}

/** Nothing contradicts what is not there any more. */
export function forgetContradictions({ build }: Database, completionIds: readonly string[]): Statement[] {
  return chunks([...completionIds], 500).flatMap((some) => [
    statement(build.deleteFrom('review_contradiction').where('completion_id', 'in', some)),
    statement(build.deleteFrom('review_contradiction').where('other_id', 'in', some)),
  ]);
}
