import type { KeyObject } from 'node:crypto';
import type { ExpressionBuilder } from 'kysely';
import { RatchetError } from '../../core/errors.ts';
import { type Database, type Statement, statement } from '../database.ts';
import { now, uuidv7 } from '../ids.ts';
import { decodeNullable, encodeJson, encodeNullable } from '../json.ts';
import { planPage, toPage } from '../page.ts';
import type { CompletionTable, Schema } from '../schema.ts';
import type { ChatStore, ChoiceRecord, NewCompletion, Outcome } from '../types.ts';
import { storeChoices } from './choices.ts';
import { selectCompletions } from './list.ts';
import { identifyAll, storeMessages, toRef } from './messages.ts';
import { toRecords } from './records.ts';
import { placeRequest, rootThread, threadHashes } from './threading.ts';

export interface ChatContext {
  database: Database;
  /** The installation's key, with which message ids are made. */
  key: KeyObject;
  /** Lease of this process, under which its completions are open. */
  processId: string;
}

/** The record of chats: messages stored once, completions that refer to them. */
export function createChatStore(context: ChatContext): ChatStore {
  const { database, key } = context;
  return {
    begin: (request) => begin(context, request),
    progress: (id, choices, firstTokenAt) => progress(context, id, choices, firstTokenAt),
    finish: (id, outcome) => finish(context, id, outcome),
    get: async (id) => {
      const row = await findRow(database, id);
      const [record] = row ? await toRecords(database, key, [row]) : [];
      return record ?? null;
    },
    list: async (filter, request) => {
      const plan = planPage(request);
      const rows = await database.read(selectCompletions(database, filter, plan));
      const items = await toRecords(database, key, rows.slice(0, plan.limit));
      return toPage(rows, plan, (row) => [row.created_at, row.id], items);
    },
    sweepInterrupted: () => sweepInterrupted(context),
  };
}

async function begin({ database, key, processId }: ChatContext, request: NewCompletion) {
  const messages = identifyAll(key, request.messages);
  const threads = threadHashes(key, request.owner, request.messages);
  const { conversationId, statements } = await placeRequest(database, request, threads);
  const firstUser = request.messages.findIndex(({ role }) => role === 'user');
  const id = uuidv7();
  const insert = database.build.insertInto('completion').values({
    id,
    owner: request.owner,
    provider: request.provider,
    model: request.model,
    conversation_id: conversationId,
    stream: request.stream ? 1 : 0,
    envelope_json: encodeJson(request.envelope),
    messages_json: encodeJson(messages.map(toRef)),
    tip: messages.at(-1)?.id ?? null,
    thread: threads.at(-1) ?? rootThread(key, request.owner),
    node: messages[firstUser]?.id ?? null,
    state: 'open',
    process_id: processId,
    created_at: now(),
  });
  await database.write([...(await storeMessages(database, messages)), ...statements, statement(insert)]);
  return { id, conversationId };
}

async function progress(
  { database, processId }: ChatContext,
  id: string,
  choices: ChoiceRecord[],
  firstTokenAt: number | null,
): Promise<void> {
  const update = database.build
    .updateTable('completion')
    // One that was swept while its process was too busy to renew the lease is open again.
    .set({ state: 'open', draft_json: encodeJson(choices), choices_json: null, first_token_at: firstTokenAt })
    .set({ finished_at: null })
    .where('id', '=', id)
    .where((eb) => stillOurs(eb, processId));
  await writeToOpen(database, id, [statement(update, { rows: 1, error: notOpen(id) })]);
}

async function finish({ database, key, processId }: ChatContext, id: string, outcome: Outcome): Promise<void> {
  const row = await requireRow(database, id);
  const { stored, statements } = storeChoices(choiceContext(database, key, row), outcome.choices);
  const update = database.build
    .updateTable('completion')
    .set({
      state: outcome.state,
      draft_json: null,
      choices_json: encodeJson(stored),
      response_json: encodeNullable(outcome.response),
      prompt_tokens: outcome.promptTokens,
      completion_tokens: outcome.completionTokens,
      error_json: encodeNullable(outcome.error),
      first_token_at: outcome.firstTokenAt,
      finished_at: now(),
    })
    .where('id', '=', id)
    .where((eb) => stillOurs(eb, processId));
  await writeToOpen(database, id, [...statements, statement(update, { rows: 1, error: notOpen(id) })]);
}

async function sweepInterrupted(context: ChatContext): Promise<number> {
  const { database, processId } = context;
  const { build, clock } = database;
  const lapsed = await database.read(
    build
      .selectFrom('completion')
      .leftJoin('process_lease', 'process_lease.id', 'completion.process_id')
      .selectAll('completion')
      .where('state', '=', 'open')
      .where('process_id', '!=', processId)
      .where((eb) => eb.or([eb('process_lease.id', 'is', null), eb('process_lease.expires_at', '<', clock)])),
  );
  const swept = await Promise.all(lapsed.map((row) => interrupt(context, row)));
  await database.write([forgetLongGone(database)]);
  return swept.filter(Boolean).length;
}

/** Closes a completion whose process is gone, with what is known of its choices. False when another was faster. */
async function interrupt({ database, key }: ChatContext, row: CompletionTable): Promise<boolean> {
  const choices = decodeNullable<ChoiceRecord[]>(row.draft_json) ?? [];
  const { stored, statements } = storeChoices(choiceContext(database, key, row), choices);
  const update = database.build
    .updateTable('completion')
    .set({ state: 'interrupted', draft_json: null, choices_json: encodeJson(stored), finished_at: now() })
    .where('id', '=', row.id)
    .where('state', '=', 'open')
    .where('draft_json', 'is not distinct from', row.draft_json);
  const results = await database.write([...statements, statement(update)]);
  return results.at(-1)?.affected === 1;
}

/** Leases that lapsed a day ago: their completions are all swept by now, and a missing lease counts as lapsed. */
function forgetLongGone({ build, clock }: Database): Statement {
  const dayMs = 86_400_000;
  return statement(build.deleteFrom('process_lease').where((eb) => eb(eb('expires_at', '+', dayMs), '<', clock)));
}

function choiceContext(database: Database, key: KeyObject, row: CompletionTable) {
  return { database, key, tip: row.tip, thread: row.thread, conversationId: row.conversation_id };
}

/** Open, or swept although this process that opened it is still there. */
function stillOurs(eb: ExpressionBuilder<Schema, 'completion'>, processId: string) {
  return eb.or([eb('state', '=', 'open'), eb.and([eb('state', '=', 'interrupted'), eb('process_id', '=', processId)])]);
}

async function writeToOpen(database: Database, id: string, statements: Statement[]): Promise<void> {
  try {
    await database.write(statements);
  } catch (error) {
    // Tells one that is not there from one that is closed.
    if (error instanceof RatchetError && error.code === 'Conflict') await requireRow(database, id);
    throw error;
  }
}

async function findRow({ build, read }: Database, id: string): Promise<CompletionTable | undefined> {
  const [row] = await read(build.selectFrom('completion').selectAll().where('id', '=', id));
  return row;
}

async function requireRow(database: Database, id: string): Promise<CompletionTable> {
  const row = await findRow(database, id);
  if (!row) throw new RatchetError('NotFound', `There is no completion "${id}": send the id that an answer gave.`);
  return row;
}

function notOpen(id: string): RatchetError {
  return new RatchetError('Conflict', `The completion ${id} is closed: its outcome was recorded already.`);
}
