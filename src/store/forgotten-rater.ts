import { sql } from 'kysely';
import { forgetContradictions } from './contradictions.ts';
import { type Database, type Statement, chunks, statement } from './database.ts';

/**
 * Takes a rater's events away in one transaction, and makes the queue of what is to be rated forget them as well. An event
 * that takes another back keeps only that, under the pseudonym.
 */
export async function removeRater(database: Database, rater: string, pseudonym: string): Promise<void> {
  const { build, read } = database;
  const rated = await read(build.selectFrom('feedback').select('completion_id').distinct().where('rater', '=', rater));
  const completions = rated.map((row) => row.completion_id).sort();
  await database.write([
    ...removeEvents(database, rater, pseudonym),
    statement(build.deleteFrom('review_claim').where('rater', '=', rater)),
    statement(build.deleteFrom('signal').where('owner', '=', rater)),
    ...forgetContradictions(database, completions),
    ...chunks(completions, 500).flatMap((some) => noteAgain(database, some)),
  ]);
  await database.tidy();
}

function removeEvents({ build }: Database, rater: string, pseudonym: string): Statement[] {
  const own = build.selectFrom('feedback').select('id').where('rater', '=', rater).where('undoes', 'is', null);
  return [
    statement(build.deleteFrom('review_again').where('feedback_id', 'in', own)),
    statement(build.deleteFrom('feedback').where('rater', '=', rater).where('undoes', 'is', null)),
    statement(
      build
        .updateTable('feedback')
        .set({ rater: pseudonym, key: null, body_json: '{}', rating: null, score: null })
        .where('rater', '=', rater),
    ),
  ];
}

/** What is left on these completions: somebody looks whether raters still disagree; those without any feedback are unrated. */
function noteAgain({ build }: Database, completions: readonly string[]): Statement[] {
  const events = sql`(select count(*) from feedback where feedback.completion_id = review_answer.completion_id and feedback.choice = review_answer.choice)`;
  const nothingSaid = sql<boolean>`not exists (select 1 from feedback where feedback.completion_id = review_answer.completion_id)`;
  const ids = [...completions];
  return [
    statement(build.deleteFrom('review_answer').where('completion_id', 'in', ids).where(nothingSaid)),
    statement(
      build
        .updateTable('review_answer')
        .set({
          events: sql<number>`${events}`,
          rater: sql<string | null>`case when ${events} > 0 then '' end`,
          disputed: sql<number | null>`case when ${events} > 0 then null else 0 end`,
        })
        .where('completion_id', 'in', ids),
    ),
    statement(
      build
        .updateTable('completion')
        .set({ rated: null })
        .where('id', 'in', ids)
        .where(sql<boolean>`not exists (select 1 from feedback where feedback.completion_id = completion.id)`),
    ),
    statement(
      build
        .updateTable('conversation')
        .set({ rated: null })
        .where('id', 'in', build.selectFrom('completion').select('conversation_id').where('id', 'in', ids))
        .where(
          sql<boolean>`not exists (select 1 from completion where completion.conversation_id = conversation.id and completion.rated = 1)`,
        ),
    ),
  ];
}
