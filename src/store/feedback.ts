import { canonicalJson } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import { type Database, chunks, isConstraint, statement } from './database.ts';
import { now, uuidv7 } from './ids.ts';
import { decodeJson, encodeJson } from './json.ts';
import { isAfter, planPage, toPage } from './page.ts';
import { requireChoice } from './require-choice.ts';
import { reviewNotes } from './review-notes.ts';
import type { FeedbackTable } from './schema.ts';
import type { FeedbackRecord, FeedbackStore, NewFeedback } from './types.ts';

type FeedbackBody = Pick<NewFeedback, 'comment' | 'correction' | 'tags' | 'over' | 'tiedWith' | 'criteria'>;

/** Feedback: events that are only ever added. */
export function createFeedbackStore(database: Database): FeedbackStore {
  const { build } = database;
  return {
    add: (feedback) => add(database, feedback),
    get: async (id) => {
      const [row] = await database.read(build.selectFrom('feedback').selectAll().where('id', '=', id));
      return row ? toFeedbackRecord(row) : null;
    },
    ofCompletions: async (ids) => {
      const records: FeedbackRecord[] = [];
      for (const some of chunks([...new Set(ids)], 1000)) {
        const query = build.selectFrom('feedback').selectAll().where('completion_id', 'in', some);
        records.push(...(await database.read(query)).map(toFeedbackRecord));
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
      return toPage(rows, plan, (row) => [row.created_at, row.id], rows.map(toFeedbackRecord));
    },
  };
}

async function add(database: Database, feedback: NewFeedback): Promise<FeedbackRecord> {
  refuseOutOfRange(feedback);
  const known = await keyed(database, feedback);
  if (known) return sameAs(known, feedback);
  const { over = [], tiedWith = [] } = feedback;
  const choices = await requireChoice(database, feedback.completionId, feedback.choice);
  for (const answer of [...over, ...tiedWith]) {
    await requireChoice(database, answer.completionId, answer.choice);
  }
  const row = toRow(feedback);
  const { build } = database;
  try {
    await database.write([
      statement(build.insertInto('feedback').values(row)),
      statement(
        build
          .updateTable('completion')
          .set({ rated: 1 })
          .where('id', '=', row.completion_id)
          .where('rated', 'is', null),
      ),
      ...reviewNotes(database, row, choices),
    ]);
  } catch (error) {
    if (!isConstraint(error, 'unique')) throw error;
    const first = await keyed(database, feedback);
    if (!first) throw error;
    return sameAs(first, feedback);
  }
  return toFeedbackRecord(row);
}

/** The event that the rater has given this key before. */
async function keyed({ build, read }: Database, { key, rater }: NewFeedback): Promise<FeedbackRecord | null> {
  if (key === undefined) return null;
  const [row] = await read(build.selectFrom('feedback').selectAll().where('rater', '=', rater).where('key', '=', key));
  return row ? toFeedbackRecord(row) : null;
}

function sameAs({ id, createdAt, ...known }: FeedbackRecord, feedback: NewFeedback): FeedbackRecord {
  if (canonicalJson(known) === canonicalJson(feedback)) return { id, createdAt, ...known };
  throw new RatchetError(
    'Conflict',
    `You have given the key "${feedback.key?.slice(0, 100)}" to other feedback: take another key, or send the same again.`,
  );
}

function toRow(feedback: NewFeedback): FeedbackTable {
  const { completionId, choice, rater, source, rating, score, undoes, key, ...body } = feedback;
  return {
    id: uuidv7(),
    completion_id: completionId,
    choice,
    rater,
    rating: rating ?? null,
    score: score ?? null,
    body_json: encodeJson(body satisfies FeedbackBody),
    source,
    undoes: undoes ?? null,
    key: key ?? null,
    created_at: now(),
  };
}

function refuseOutOfRange({ rating, score }: NewFeedback): void {
  if (rating !== undefined && rating !== 1 && rating !== -1) {
    throw new RatchetError('InvalidInput', `A rating is 1 or -1, and ${String(rating)} is neither.`);
  }
  if (score !== undefined && !(score >= 0 && score <= 1)) {
    throw new RatchetError('InvalidInput', `A score lies between 0 and 1, and ${score} does not.`);
  }
}

/** An event as it is given. */
export function toFeedbackRecord(row: FeedbackTable): FeedbackRecord {
  return {
    id: row.id,
    completionId: row.completion_id,
    choice: row.choice,
    rater: row.rater,
    ...(row.rating !== null && { rating: row.rating as -1 | 1 }),
    ...(row.score !== null && { score: row.score }),
    ...decodeJson<FeedbackBody>(row.body_json),
    source: row.source,
    ...(row.undoes !== null && { undoes: row.undoes }),
    ...(row.key !== null && { key: row.key }),
    createdAt: row.created_at,
  };
}
