import { type Compilable, type Kysely, sql } from 'kysely';
import type { Schema } from './schema.ts';

/** The tables of the queue of what is to be rated, and what they say of the feedback that is there. */
export function review(build: Kysely<Schema>): Compilable<unknown>[] {
  const { schema } = build;
  const answers = (name: string) => schema.createIndex(name).on('review_answer');
  return [
    schema.alterTable('conversation').addColumn('rated', 'integer'),
    build
      .updateTable('conversation')
      .set({ rated: 1 })
      .where((eb) => eb('id', 'in', eb.selectFrom('completion').select('conversation_id').where('rated', '=', 1))),
    schema
      .createTable('review_answer')
      .addColumn('completion_id', 'text', (c) => c.notNull().references('completion.id'))
      .addColumn('choice', 'integer', (c) => c.notNull())
      .addColumn('events', 'integer', (c) => c.notNull())
      .addColumn('rater', 'text')
      .addColumn('disputed', 'integer')
      .addColumn('at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('review_answer_key', ['completion_id', 'choice']),
    answersSoFar(build),
    answers('review_answer_unsettled').columns(['at']).where(sql.ref('disputed'), 'is', null),
    answers('review_answer_disputed').columns(['at', 'completion_id', 'choice']).where(sql.ref('disputed'), '=', 1),
    answers('review_answer_open').columns(['at', 'completion_id', 'choice']).where(sql.ref('rater'), 'is', null),
    schema
      .createTable('review_claim')
      .addColumn('completion_id', 'text', (c) => c.notNull().references('completion.id'))
      .addColumn('choice', 'integer', (c) => c.notNull())
      .addColumn('rater', 'text', (c) => c.notNull())
      .addColumn('again', 'integer', (c) => c.notNull())
      .addColumn('until', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('review_claim_key', ['completion_id', 'choice']),
    schema.createIndex('review_claim_by_time').on('review_claim').column('until'),
    schema
      .createTable('review_again')
      .addColumn('feedback_id', 'text', (c) => c.primaryKey().references('feedback.id'))
      .addColumn('completion_id', 'text', (c) => c.notNull()),
    schema.createIndex('review_again_by_completion').on('review_again').column('completion_id'),
    schema.createIndex('feedback_by_rater').on('feedback').columns(['rater', 'created_at', 'id']),
  ];
}

/** Whether several raters disagree is not looked at here, but when somebody reviews. */
function answersSoFar(build: Kysely<Schema>): Compilable<unknown> {
  const alone = sql<boolean>`count(distinct rater) = 1 and count(undoes) = 0`;
  return build
    .insertInto('review_answer')
    .columns(['completion_id', 'choice', 'events', 'rater', 'disputed', 'at'])
    .expression((eb) =>
      eb
        .selectFrom('feedback')
        .groupBy(['completion_id', 'choice'])
        .select([
          'completion_id',
          'choice',
          sql<number>`count(*)`.as('events'),
          sql<string>`case when ${alone} then min(rater) else '' end`.as('rater'),
          sql<number | null>`case when ${alone} then 0 end`.as('disputed'),
          sql<number>`max(created_at)`.as('at'),
        ]),
    );
}
