import { type Expression, type RawBuilder, type SqlBool, sql } from 'kysely';
import { type JsonObject, isObject } from '../core/canonical.ts';
import { partsOf } from './chats/filters.ts';
import { listCompletions } from './chats/list.ts';
import { contradicting, stillContradicted } from './contradictions.ts';
import { type Database, type Statement, chunks, statement } from './database.ts';
import { decodeJson, decodeNullable } from './json.ts';
import { planPage } from './page.ts';
import type { ReviewAnswer, ReviewClaim, ReviewStage, ReviewStore } from './review-types.ts';
import type { CompletionFilter } from './types.ts';

/** What is rated next: which answers there are for each reason, and who has which of them before them. */
export function createReviewStore(database: Database): ReviewStore {
  return {
    ...contradicting(database),
    ...settling(database),
    ...finding(database),
    ...claiming(database),
    ...lookingBack(database),
  };
}

function settling(database: Database): Pick<ReviewStore, 'unsettled' | 'settle'> {
  const { build, read } = database;
  return {
    unsettled: (limit) => read(answers(database).where(sql<boolean>`review_answer.disputed is null`).limit(limit)),
    settle: async (settled) => {
      const statements = settled.map(({ completionId, choice, events, disputed, rated }) =>
        statement(
          build
            .updateTable('review_answer')
            .set({ disputed: Number(disputed), ...(!rated && { rater: null }) })
            .where('completion_id', '=', completionId)
            .where('choice', '=', choice)
            .where('events', '=', events),
        ),
      );
      if (statements.length > 0) await database.write(statements, { sync: false });
    },
  };
}

function finding(database: Database): Pick<ReviewStore, 'touched' | 'untouched' | 'ratedBy'> {
  const { build, readAside } = database;
  return {
    touched: (stage, { filter, rater }, { after, limit }) =>
      readAside(touchedAnswers(database, stage, filter, rater, after).limit(limit)),
    untouched: async (filter, page) => {
      const { rows, next } = await listCompletions(database, { ...filter, rated: false }, planPage(page));
      const items = rows.flatMap((row) => {
        const tags = tagsIn(row.envelope_json);
        return choicesOf(row.choices_json).map((choice) => ({ completionId: row.id, choice, tags }));
      });
      return { items, next };
    },
    ratedBy: (rater, { skip, limit }) =>
      readAside(
        build
          .selectFrom('feedback')
          .select(['completion_id as completionId', 'choice'])
          .where('rater', '=', rater)
          .where((eb) => eb.or([eb('rating', 'is not', null), eb('score', 'is not', null)]))
          .orderBy('created_at', 'desc')
          .orderBy('id', 'desc')
          .limit(skip + limit),
      ),
  };
}

function claiming(database: Database): Pick<ReviewStore, 'claims' | 'claim' | 'release'> {
  const { build, read, clock } = database;
  return {
    claims: async (answers) => {
      const found: ReviewClaim[] = [];
      for (const some of chunks([...new Set(answers.map(({ completionId }) => completionId))], 500)) {
        const query = build
          .selectFrom('review_claim')
          .select(['completion_id as completionId', 'choice', 'rater', 'until'])
          .where('completion_id', 'in', some)
          .where('until', '>', clock);
        found.push(...(await read(query)));
      }
      return found;
    },
    claim: async (request) => {
      await forgetLapsed(database);
      const results = await database.write([...claimsLock(database), claimFirst(database, request)], { sync: false });
      const [row] = results.at(-1)?.rows ?? [];
      if (!row) return null;
      const { completion_id: completionId, choice, rater, until } = row;
      return {
        completionId: String(completionId),
        choice: Number(choice),
        rater: String(rater),
        until: Number(until),
      };
    },
    release: async ({ completionId, choice }, rater) => {
      const held = build
        .deleteFrom('review_claim')
        .where('completion_id', '=', completionId)
        .where('choice', '=', choice)
        .where('rater', '=', rater)
        .where('until', '>', clock);
      const [result] = await database.write([statement(held)], { sync: false });
      return (result?.affected ?? 0) > 0;
    },
  };
}

function lookingBack(database: Database): Pick<ReviewStore, 'rated' | 'againIn'> {
  const { build, readAside } = database;
  const beyond = (after: { completionId: string; choice: number }) =>
    sql<boolean>`(review_answer.completion_id, review_answer.choice) > (${after.completionId}, ${after.choice})`;
  return {
    rated: ({ after, limit }) =>
      readAside(
        answers(database)
          .where('events', '>', 0)
          .where(after === null ? sql<boolean>`1 = 1` : beyond(after))
          .orderBy('review_answer.completion_id')
          .orderBy('review_answer.choice')
          .limit(limit),
      ),
    againIn: async (completionIds) => {
      const found = await readAside(
        build
          .selectFrom('review_again')
          .select('feedback_id')
          .where('completion_id', 'in', [...completionIds]),
      );
      return new Set(found.map(({ feedback_id }) => feedback_id));
    },
  };
}

function answers({ build }: Database) {
  return build
    .selectFrom('review_answer')
    .select([
      'review_answer.completion_id as completionId',
      'review_answer.choice as choice',
      'review_answer.events as events',
      'review_answer.at as at',
    ]);
}

/** Conditions of partial indexes, word for word as the indexes have them. */
const stageCondition: Readonly<Record<'disputed' | 'open', RawBuilder<boolean>>> = {
  disputed: sql<boolean>`review_answer.disputed = 1`,
  open: sql<boolean>`review_answer.rater is null`,
};

/** Those that were touched last come first; no answer of which the rater has said anything that was not taken back. */
function touchedAnswers(
  database: Database,
  stage: 'disputed' | 'open',
  filter: CompletionFilter,
  rater: string,
  after: ReviewAnswer | null,
) {
  const conditions = partsOf(database, filter).map((part) => part.checked('completion'));
  const judged = sql<boolean>`exists (select 1 from feedback where feedback.completion_id = review_answer.completion_id
    and feedback.choice = review_answer.choice and feedback.rater = ${rater} and feedback.undoes is null
    and not exists (select 1 from feedback as taken where taken.completion_id = feedback.completion_id and taken.undoes = feedback.id))`;
  return answers(database)
    .innerJoin('completion', 'completion.id', 'review_answer.completion_id')
    .where(stageCondition[stage])
    .where(all(conditions))
    .where(sql<boolean>`not ${judged}`)
    .where(after === null ? sql<boolean>`1 = 1` : before(after))
    .orderBy('review_answer.at', 'desc')
    .orderBy('review_answer.completion_id', 'desc')
    .orderBy('review_answer.choice', 'desc');
}

function before({ at, completionId, choice }: ReviewAnswer): Expression<SqlBool> {
  return sql<boolean>`(review_answer.at, review_answer.completion_id, review_answer.choice) < (${at}, ${completionId}, ${choice})`;
}

function all(conditions: readonly Expression<SqlBool>[]): Expression<SqlBool> {
  return sql.join<SqlBool>([sql`1 = 1`, ...conditions], sql` and `);
}

/** What still has to hold of an answer when it is claimed: it may have been rated since it was found. */
const stillSo: Readonly<Record<ReviewStage, RawBuilder<boolean>>> = {
  contradicted: stillContradicted,
  disputed: stillTouched('disputed'),
  open: stillTouched('open'),
  untouched: sql<boolean>`completion.rated is null`,
  again: sql<boolean>`1 = 1`,
};

function stillTouched(stage: 'disputed' | 'open'): RawBuilder<boolean> {
  return sql<boolean>`exists (select 1 from review_answer where review_answer.completion_id = wanted.completion_id
    and review_answer.choice = wanted.choice and ${stageCondition[stage]})`;
}

/**
 * One claim after the other: SQLite writes no other way, and on PostgreSQL most of those at once would find that another had been
 * faster. Any number of our own.
 */
function claimsLock({ kind }: Database): Statement[] {
  return kind === 'postgres' ? [{ sql: 'select pg_advisory_xact_lock($1)', parameters: [7_245_110_387] }] : [];
}

/** Takes the first of these answers that nobody has. On PostgreSQL it waits for whoever is rating it, and looks at it again then. */
function claimFirst({ build, kind, clock }: Database, request: Parameters<ReviewStore['claim']>[0]): Statement {
  const { answers: wanted, rater, stage, ttlMs } = request;
  const values = wanted.map(
    ({ completionId, choice }, place) =>
      sql`(cast(${completionId} as text), cast(${choice} as integer), cast(${place} as integer))`,
  );
  const lock = kind === 'postgres' ? sql`for no key update of completion` : sql``;
  const query = sql`
    with wanted (completion_id, choice, place) as (values ${sql.join(values)})
    insert into review_claim (completion_id, choice, rater, again, until)
    select wanted.completion_id, wanted.choice, cast(${rater} as text), cast(${Number(stage === 'again')} as integer),
      ${clock} + cast(${ttlMs} as bigint)
    from wanted join completion on completion.id = wanted.completion_id
    where completion.state = 'complete' and completion.erased_at is null and completion.choices_json <> '[]'
      and ${stillSo[stage]}
      and not exists (select 1 from review_claim as held where held.completion_id = wanted.completion_id
        and held.choice = wanted.choice and held.until > ${clock})
    order by wanted.place limit 1 ${lock}
    on conflict (completion_id, choice)
      do update set rater = excluded.rater, again = excluded.again, until = excluded.until
      where review_claim.until <= ${clock}
    returning completion_id, choice, rater, until`;
  return statement({ compile: () => query.compile(build) });
}

/** A claim that lapsed on an answer that nobody is asked about again would stay for ever. */
async function forgetLapsed({ build, clock, read, write }: Database): Promise<void> {
  const lapsed = build.selectFrom('review_claim').select('until').where('until', '<=', clock).limit(1);
  if ((await read(lapsed)).length === 0) return;
  await write([statement(build.deleteFrom('review_claim').where('until', '<=', clock))], { sync: false });
}

function choicesOf(text: string | null): number[] {
  return (decodeNullable<{ index: number }[]>(text) ?? []).map(({ index }) => index);
}

/** The tags that a request gave in `metadata.tags`. */
function tagsIn(envelope: string): string[] {
  const { metadata } = decodeJson<JsonObject>(envelope);
  const tags = isObject(metadata) && Array.isArray(metadata.tags) ? metadata.tags : [];
  return tags.filter((tag) => typeof tag === 'string');
}
