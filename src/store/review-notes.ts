import { sql } from 'kysely';
import { settleContradictions } from './contradictions.ts';
import { type Database, type Statement, statement } from './database.ts';
import type { FeedbackTable } from './schema.ts';

/**
 * What an event of feedback changes for whoever reviews, in the same transaction: its answer is rated, the other choices of
 * its completion become answers to be rated, its conversation is no new topic, its rater's claim ends, and what it contradicts is decided on.
 */
export function reviewNotes(database: Database, row: FeedbackTable, choices: readonly number[]): Statement[] {
  return [
    noteAnswer(database, row),
    ...noteSiblings(
      database,
      row,
      choices.filter((choice) => choice !== row.choice),
    ),
    noteTopic(database, row),
    // In this order: whether it was asked for again is known by the claim.
    noteAgain(database, row),
    endClaim(database, row),
    settleContradictions(database, row),
  ];
}

/**
 * One rater cannot disagree with themselves. Where there are several, or something was taken back, somebody has to look: `disputed`
 * is null until then, and `rater` is the empty text.
 */
function noteAnswer({ build }: Database, row: FeedbackTable): Statement {
  const several = row.undoes !== null;
  const rater = several ? '' : row.rater;
  const same = sql<boolean>`excluded.rater <> '' and coalesce(review_answer.rater, excluded.rater) = excluded.rater`;
  return statement(
    build
      .insertInto('review_answer')
      .values({
        completion_id: row.completion_id,
        choice: row.choice,
        events: 1,
        rater,
        disputed: several ? null : 0,
        at: row.created_at,
      })
      .onConflict((conflict) =>
        conflict.columns(['completion_id', 'choice']).doUpdateSet({
          events: sql<number>`review_answer.events + 1`,
          rater: sql<string>`case when ${same} then excluded.rater else '' end`,
          disputed: sql<number | null>`case when ${same} then 0 else null end`,
          at: sql<number>`excluded.at`,
        }),
      ),
  );
}

function noteSiblings({ build }: Database, row: FeedbackTable, choices: readonly number[]): Statement[] {
  if (choices.length === 0) return [];
  const { completion_id, created_at } = row;
  const values = choices.map((choice) => {
    return { completion_id, choice, events: 0, rater: null, disputed: 0, at: created_at };
  });
  return [
    statement(
      build
        .insertInto('review_answer')
        .values(values)
        .onConflict((conflict) => conflict.columns(['completion_id', 'choice']).doNothing()),
    ),
  ];
}

function noteTopic({ build }: Database, { completion_id }: FeedbackTable): Statement {
  return statement(
    build
      .updateTable('conversation')
      .set({ rated: 1 })
      .where('rated', 'is', null)
      .where((eb) =>
        eb('id', '=', eb.selectFrom('completion').select('conversation_id').where('completion.id', '=', completion_id)),
      ),
  );
}

function noteAgain({ build, clock }: Database, row: FeedbackTable): Statement {
  const { id, completion_id, choice, rater } = row;
  return statement(
    build
      .insertInto('review_again')
      .columns(['feedback_id', 'completion_id'])
      .expression((eb) =>
        eb
          .selectFrom('review_claim')
          .select([sql<string>`cast(${id} as text)`.as('feedback_id'), 'completion_id'])
          .where('completion_id', '=', completion_id)
          .where('choice', '=', choice)
          .where('rater', '=', rater)
          .where('again', '=', 1)
          .where('until', '>', clock),
      ),
  );
}

function endClaim({ build }: Database, { completion_id, choice, rater }: FeedbackTable): Statement {
  return statement(
    build
      .deleteFrom('review_claim')
      .where('completion_id', '=', completion_id)
      .where('choice', '=', choice)
      .where('rater', '=', rater),
  );
}
