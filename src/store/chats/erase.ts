import { sql } from 'kysely';
import { RatchetError } from '../../core/errors.ts';
import { forgetContradictions } from '../contradictions.ts';
import { type Database, type Statement, chunks, statement } from '../database.ts';
import { now } from '../ids.ts';
import { decodeJson, decodeNullable, encodeJson, encodeNullable } from '../json.ts';
import { planPage } from '../page.ts';
import { removeReplayed } from '../replay.ts';
import type { CompletionTable } from '../schema.ts';
import type { CompletionFilter, EraseReport, EraseRequest, Outcome } from '../types.ts';
import type { StoredChoice } from './choices.ts';
import type { ChatContext } from './ending.ts';
import { type Found, listCompletions } from './list.ts';
import type { MessageRef } from './messages.ts';
import { noEntry, removeEntryOf } from './search.ts';
import { pointOf } from './threading.ts';

/** Completions that are erased in one batch: small, so that chats which end meanwhile hardly wait. */
const batchSize = 20;
/** By how much the clocks of two processes may differ. */
const skewMs = 60_000;
const erasedText = 'The text of this error was erased.';

/**
 * Erases what was said in chats: figures stay. Messages that another chat needs stay too. Erasing again does nothing.
 * The log and the free pages hold nothing of it afterwards.
 */
export async function eraseChats(context: ChatContext, request: EraseRequest): Promise<EraseReport> {
  const { database, open } = context;
  const report = { completions: 0, open: 0, datasets: new Set<string>() };
  for await (const rows of found(database, request)) {
    const closed = rows.filter(({ state }) => state !== 'open');
    report.open += rows.length - closed.length;
    for (const some of chunks(closed, batchSize)) {
      for (const digest of await datasetsWith(database, some)) report.datasets.add(digest);
      await database.write(await eraseBatch(database, some));
      report.completions += some.length;
    }
  }
  if (report.completions > 0) {
    open.forget();
    await database.tidy();
  }
  return { ...report, datasets: [...report.datasets].sort() };
}

/** The completions that are asked for and not erased, in pages. */
async function* found(database: Database, request: EraseRequest): AsyncGenerator<CompletionTable[]> {
  const { before, conversationId, completionId, owner } = request;
  if (completionId !== undefined) {
    yield await one(database, completionId, owner);
    return;
  }
  if (before === undefined && conversationId === undefined && owner === undefined) {
    throw new RatchetError('InvalidInput', 'Say what to erase: a completion, a conversation, an owner, or a time.');
  }
  const filter: CompletionFilter = {
    erased: false,
    ...(before !== undefined && { until: before - 1 }),
    ...(conversationId !== undefined && { conversationId }),
    ...(owner !== undefined && { owner }),
  };
  let cursor: string | null = null;
  do {
    const page: Found = await listCompletions(
      database,
      filter,
      planPage({ limit: 5 * batchSize, order: 'asc', ...(cursor !== null && { cursor }) }),
    );
    if (page.rows.length > 0) yield page.rows;
    cursor = page.next;
  } while (cursor !== null);
}

async function one({ build, readAside }: Database, id: string, owner: string | undefined): Promise<CompletionTable[]> {
  const rows = await readAside(
    build
      .selectFrom('completion')
      .selectAll()
      .where('id', '=', id)
      .$if(owner !== undefined, (query) => query.where('owner', '=', owner ?? '')),
  );
  return rows.filter(({ erased_at }) => erased_at === null);
}

/** A message that erased completions point at. */
interface Candidate {
  id: string;
  parent: string | null;
  depth: number;
}

async function eraseBatch(database: Database, rows: readonly CompletionTable[]): Promise<Statement[]> {
  const { build, kind } = database;
  const since = now() - skewMs;
  const candidates = rows.flatMap(messagesOf);
  const kept = await chosenElsewhere(database, rows, candidates);
  const messages = [...new Map(candidates.filter(({ id }) => !kept.has(id)).map((each) => [each.id, each])).values()];
  const ids = messages.map(({ id }) => id);
  const lock = build.selectFrom('message').select('id').where('id', 'in', ids).orderBy('id').forUpdate();
  return [
    // A request that goes on from one of them at this moment either comes first, or finds it gone.
    ...(kind === 'postgres' && ids.length > 0 ? [statement(lock)] : []),
    // They may have been indexed since they were read.
    ...(kind === 'postgres' ? [statement(lockCompletions(database, rows))] : []),
    ...rows.map(({ id }) => removeEntryOf(database, id)),
    ...rows.map((row) => clearCompletion(database, row)),
    clearFeedback(database, rows),
    removeReplayed(
      database,
      rows.map(({ id }) => id),
    ),
    ...forgetContradictions(
      database,
      rows.map(({ id }) => id),
    ),
    ...removeMessages(database, messages, since),
    ...chunks(ids, 500).map((some) => removeNodes(database, some)),
    ...[...new Set(rows.map((row) => row.conversation_id))].map((id) => clearConversation(database, id)),
  ];
}

/** The messages of a completion, each with the one before it. */
function messagesOf(row: CompletionTable): Candidate[] {
  const refs = decodeJson<MessageRef[]>(row.messages_json);
  const choices = decodeNullable<StoredChoice[]>(row.choices_json) ?? [];
  return [
    ...refs.map(({ id }, depth) => ({ id, parent: refs[depth - 1]?.id ?? null, depth })),
    ...choices.map(({ id }) => ({ id, parent: row.tip, depth: refs.length })),
  ];
}

/** Which of these messages are answers of completions that stay. */
async function chosenElsewhere(
  { build, readAside }: Database,
  rows: readonly CompletionTable[],
  candidates: readonly Candidate[],
): Promise<Set<string>> {
  const parents = [...new Set(candidates.map(({ parent }) => parent))];
  const others = build
    .selectFrom('completion')
    .select('choices_json')
    .where(
      'id',
      'not in',
      rows.map(({ id }) => id),
    )
    .where('choices_json', '!=', '[]');
  const named = parents.filter((parent) => parent !== null);
  const found = [
    ...(await Promise.all(chunks(named, 500).map((some) => readAside(others.where('tip', 'in', some))))).flat(),
    ...(parents.includes(null) ? await readAside(others.where('tip', 'is', null)) : []),
  ];
  return new Set(
    found.flatMap(({ choices_json }) => (decodeNullable<StoredChoice[]>(choices_json) ?? []).map(({ id }) => id)),
  );
}

function lockCompletions({ build }: Database, rows: readonly CompletionTable[]) {
  const ids = rows.map(({ id }) => id);
  return build.selectFrom('completion').select('id').where('id', 'in', ids).orderBy('id').forUpdate();
}

function clearCompletion({ build }: Database, row: CompletionTable): Statement {
  const error = decodeNullable<NonNullable<Outcome['error']>>(row.error_json);
  return statement(
    build
      .updateTable('completion')
      .set({
        envelope_json: '{}',
        messages_json: '[]',
        tip: null,
        thread: '',
        node: null,
        draft_json: null,
        choices_json: '[]',
        response_json: null,
        origin_json: null,
        error_json: encodeNullable(error && { ...error, message: erasedText }),
        entry: noEntry,
        erased_at: now(),
      })
      .where('id', '=', row.id),
  );
}

/** Ratings and scores are figures; comments, corrections and tags are text, and a rater's own name for an event may be. */
function clearFeedback({ build }: Database, rows: readonly CompletionTable[]): Statement {
  return statement(
    build
      .updateTable('feedback')
      .set({ body_json: encodeJson({}), key: null })
      .where(
        'completion_id',
        'in',
        rows.map(({ id }) => id),
      ),
  );
}

/** Removes messages that nothing needs, those without a follower first. */
function removeMessages({ build }: Database, messages: readonly Candidate[], since: number): Statement[] {
  const depths = [...new Set(messages.map(({ depth }) => depth))].sort((a, b) => b - a);
  const unneeded = (ids: readonly string[]) =>
    build
      .deleteFrom('message')
      .where('id', 'in', ids)
      .where(sql<boolean>`not exists (select 1 from message as child where child.parent = message.id)`)
      .where(sql<boolean>`not exists (select 1 from completion where completion.tip = message.id)`)
      // Answers that were written since the others were looked at.
      .where(
        sql<boolean>`not exists (select 1 from completion where (completion.tip = message.parent or (message.parent is null and completion.tip is null)) and completion.finished_at > ${since} and completion.choices_json like '%' || message.id || '%')`,
      );
  return depths.flatMap((depth) => {
    const ids = messages.filter((each) => each.depth === depth).map(({ id }) => id);
    return chunks(ids, 500).map((some) => statement(unneeded(some)));
  });
}

function removeNodes({ build }: Database, ids: readonly string[]): Statement {
  return statement(
    build
      .deleteFrom('thread_node')
      .where('point', 'in', ids.map(pointOf))
      .where(
        sql<boolean>`not exists (select 1 from message where message.id >= thread_node.point and message.id < thread_node.point || 'g')`,
      ),
  );
}

function clearConversation({ build }: Database, id: string): Statement {
  return statement(
    build
      .updateTable('conversation')
      .set({ node: null })
      .where('id', '=', id)
      .where(
        sql<boolean>`not exists (select 1 from completion where completion.conversation_id = conversation.id and completion.erased_at is null)`,
      ),
  );
}

async function datasetsWith({ build, readAside }: Database, rows: readonly CompletionTable[]): Promise<string[]> {
  const ids = rows.map(({ id }) => id);
  const found = await readAside(
    build.selectFrom('dataset_row').select('digest').distinct().where('completion_id', 'in', ids),
  );
  return found.map(({ digest }) => digest);
}
