import { RatchetError } from '../core/errors.ts';
import { type Database, chunks, statement } from './database.ts';
import { now, uuidv7 } from './ids.ts';
import { decodeJson, decodeNullable, encodeJson } from './json.ts';
import { isAfter, planPage, toPage } from './page.ts';
import type { FeedbackTable } from './schema.ts';
import type { FeedbackRecord, FeedbackStore, NewFeedback } from './types.ts';

/** Feedback: events that are only ever added. */
export function createFeedbackStore(database: Database): FeedbackStore {
  const { build } = database;
  return {
    add: (feedback) => add(database, feedback),
    ofCompletions: async (ids) => {
      const records: FeedbackRecord[] = [];
      for (const some of chunks([...new Set(ids)], 1000)) {
        const query = build.selectFrom('feedback').selectAll().where('completion_id', 'in', some);
        records.push(...(await database.read(query)).map(toRecord));
      }
      return records.sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    },
    list: async (request) => {
      const plan = planPage(request);
      const { after, order } = plan;
      const rows = await database.read(
        build
          .selectFrom('feedback')
          .selectAll()
          .$if(after !== null, (query) => query.where(isAfter(after ?? [0, ''], order, ['created_at', 'id'])))
          .orderBy('created_at', order)
          .orderBy('id', order)
          .limit(plan.limit + 1),
      );
      return toPage(rows, plan, (row) => [row.created_at, row.id], rows.map(toRecord));
    },
  };
}

async function add(database: Database, feedback: NewFeedback): Promise<FeedbackRecord> {
  refuseOutOfRange(feedback);
  const { over = [], tiedWith = [] } = feedback;
  for (const answer of [feedback, ...over, ...tiedWith]) {
    await requireChoice(database, answer.completionId, answer.choice);
  }
  const id = uuidv7();
  const { completionId, choice, rater, source, rating, score, comment, correction, tags } = feedback;
  const row: FeedbackTable = {
    id,
    completion_id: completionId,
    choice,
    rater,
    rating: rating ?? null,
    score: score ?? null,
    body_json: encodeJson({ comment, correction, tags, over: feedback.over, tiedWith: feedback.tiedWith }),
    source,
    created_at: now(),
  };
  const { build } = database;
  await database.write([
    statement(build.insertInto('feedback').values(row)),
    statement(
      build.updateTable('completion').set({ rated: 1 }).where('id', '=', completionId).where('rated', 'is', null),
    ),
  ]);
  return toRecord(row);
}

function refuseOutOfRange({ rating, score }: NewFeedback): void {
  if (rating !== undefined && rating !== 1 && rating !== -1) {
    throw new RatchetError('InvalidInput', `A rating is 1 or -1, and ${String(rating)} is neither.`);
  }
  if (score !== undefined && !(score >= 0 && score <= 1)) {
    throw new RatchetError('InvalidInput', `A score lies between 0 and 1, and ${score} does not.`);
  }
}

/** A closed completion never opens again nor loses choices, so what is seen here still holds at the insert. */
async function requireChoice({ build, read }: Database, id: string, choice: number): Promise<void> {
  const [row] = await read(build.selectFrom('completion').select(['state', 'choices_json']).where('id', '=', id));
  if (!row) throw new RatchetError('NotFound', `There is no completion "${id}": send the id that an answer gave.`);
  if (row.state === 'open') {
    throw new RatchetError('Conflict', `The completion ${id} is still being answered: rate it when it is done.`);
  }
  const choices = decodeNullable<{ index: number }[]>(row.choices_json) ?? [];
  if (choices.some(({ index }) => index === choice)) return;
  const known = choices.map(({ index }) => index).join(', ') || 'none';
  throw new RatchetError('NotFound', `The completion ${id} has no choice ${choice}; it has: ${known}.`);
}

function toRecord(row: FeedbackTable): FeedbackRecord {
  return {
    id: row.id,
    completionId: row.completion_id,
    choice: row.choice,
    rater: row.rater,
    ...(row.rating !== null && { rating: row.rating as -1 | 1 }),
    ...(row.score !== null && { score: row.score }),
    ...decodeJson<Pick<NewFeedback, 'comment' | 'correction' | 'tags' | 'over' | 'tiedWith'>>(row.body_json),
    source: row.source,
    createdAt: row.created_at,
  };
}
