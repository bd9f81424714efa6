import type { KeyObject } from 'node:crypto';
import { RatchetError } from '../../core/errors.ts';
import type { Database, Statement, WriteOptions } from '../database.ts';
import { now } from '../ids.ts';
import { encodeJson, encodeNullable } from '../json.ts';
import type { CompletionTable } from '../schema.ts';
import type { CallUsage, ChoiceRecord, Outcome } from '../types.ts';
import { countCall } from '../usage.ts';
import { type StoredChoice, storeChoices } from './choices.ts';
import { type Begun, type HeldRequest, type OpenChats, crowd } from './open-chats.ts';
import { type OutcomeRow, chatStatements } from './statements.ts';

export interface ChatContext {
  database: Database;
  /** The installation's key, with which message ids are made. */
  key: KeyObject;
  /** Lease of this process, under which its completions are open. */
  processId: string;
  open: OpenChats;
}

/** How long it is since a request went through the journal, in ms: two places to sync would be more syncs. */
const crowdMs = 1_000;

/**
 * With many chats in flight, and none that went through the journal alone, whole answers are committed in groups at once: all
 * of them wait for companions anyway, and what is written once costs less than what is written twice.
 */
function isCrowd({ begun, notedAt }: OpenChats): boolean {
  return begun.size >= crowd && performance.now() - notedAt > crowdMs;
}

/** Replaces what is known so far of an open completion's choices. */
export async function progress(
  context: ChatContext,
  id: string,
  choices: readonly ChoiceRecord[],
  firstTokenAt: number | null,
): Promise<void> {
  const draft = chatStatements(context.database).setDraft(
    { id, draft_json: encodeJson(choices), first_token_at: firstTokenAt },
    { rows: 1, error: () => notOpen(id) },
  );
  // The sweep has counted the call: it will be counted again when it ends.
  await writeToOpen(context, id, { sync: false }, (requests) => [
    draft,
    ...(requests === 0 ? [uncount(context, id)] : []),
  ]);
}

/** Writes the outcome of an open completion, and adds the call to the sums. */
export async function finish(context: ChatContext, id: string, outcome: Outcome): Promise<void> {
  const { open } = context;
  try {
    const held = await open.release(id);
    if (await noteOutcome(context, id, outcome, held)) return;
    if (!held || !(await finishTogether(context, id, outcome, held))) await finishBegun(context, id, outcome);
  } finally {
    open.begun.delete(id);
  }
}

/** Takes the outcome down, with the request where that was held; false when both belong into the tables. */
async function noteOutcome(
  context: ChatContext,
  id: string,
  outcome: Outcome,
  held: HeldRequest | null,
): Promise<boolean> {
  const { database, open } = context;
  const begun = open.begun.get(id);
  if (!database.journal || !begun?.journaled || held?.keys === null) return false;
  if (begun.over || (held && isCrowd(open))) return false;
  const { row, after, stored, hashes } = endOf(context, { begun, outcome, requests: 1 });
  const noted = database.journal.note(
    {
      statements: held ? [...held.statements(row), ...after] : [setOutcome(database, id, row), ...after],
      keys: held ? [...held.keys, ...hashes] : hashes,
      async refused(beneath) {
        if (!held) return writeReopened({ ...context, database: beneath }, { id, begun, outcome });
        // Messages were erased meanwhile.
        open.forget();
        await beneath.write([...held.statements(row, { whole: true }), ...after]);
      },
    },
    { inFlight: open.begun.size },
  );
  if (!noted) return false;
  // Another outcome meets the tables.
  begun.over = true;
  await noted;
  held?.written();
  open.remember(stored.map((choice) => choice.id));
  return true;
}

/** The outcome of a completion that was swept although this process had it open. */
async function writeReopened(
  context: ChatContext,
  { id, begun, outcome }: { id: string; begun: Begun; outcome: Outcome },
): Promise<void> {
  const { database, processId } = context;
  const { state } = await requireRow(database, id);
  if (state !== 'interrupted') throw notOpen(id);
  const { row, after } = endOf(context, { begun, outcome, requests: 0 });
  await database.write([reopening(database, id, processId), setOutcome(database, id, row), ...after]);
}

/** Writes request and outcome in one batch. False when the request has to be placed anew; it is written then. */
async function finishTogether(
  { database, open, key }: ChatContext,
  id: string,
  outcome: Outcome,
  held: HeldRequest,
): Promise<boolean> {
  const begun = open.begun.get(id);
  if (!begun) throw notOpen(id);
  const { row, after, stored } = endOf({ database, key }, { begun, outcome, requests: 1 });
  try {
    await database.write([...held.statements(row), ...after], { inFlight: open.begun.size });
  } catch (error) {
    if (!(error instanceof RatchetError) || error.code !== 'Conflict') throw error;
    await held.write();
    return false;
  }
  held.written();
  open.remember(stored.map((choice) => choice.id));
  return true;
}

async function finishBegun(context: ChatContext, id: string, outcome: Outcome): Promise<void> {
  const { database, open } = context;
  const begun = open.begun.get(id) ?? (await requireRow(database, id));
  let stored: StoredChoice[] = [];
  await writeToOpen(context, id, { inFlight: open.begun.size }, (requests) => {
    const end = endOf(context, { begun, outcome, requests });
    stored = end.stored;
    return [setOutcome(database, id, end.row), ...end.after];
  });
  open.remember(stored.map((choice) => choice.id));
}

/** The end of a completion. */
interface End {
  /** What it changes in its row. */
  row: OutcomeRow;
  /** What stores its answers, lets requests find them, and adds the call to the sums. */
  after: Statement[];
  stored: StoredChoice[];
  /** What its answers are found by. */
  hashes: string[];
}

function endOf(
  { database, key }: Pick<ChatContext, 'database' | 'key'>,
  { begun, outcome, requests }: { begun: Begun; outcome: Outcome; requests: 0 | 1 },
): End {
  const { stored, statements, hashes } = storeChoices({ database, key }, begun, outcome.choices);
  const { provider, model } = outcome.answeredBy ?? begun;
  const row: OutcomeRow = {
    state: outcome.state,
    provider,
    model,
    choices_json: encodeJson(stored),
    response_json: encodeNullable(outcome.response),
    prompt_tokens: outcome.promptTokens,
    completion_tokens: outcome.completionTokens,
    error_json: encodeNullable(outcome.error),
    attempts_json: encodeNullable(outcome.attempts?.length ? outcome.attempts : null),
    cost_nanos: outcome.costNanos ?? null,
    first_token_at: outcome.firstTokenAt,
    finished_at: now(),
  };
  return { row, after: [...statements, countCall(database, usageOf(begun, outcome), requests)], stored, hashes };
}

function setOutcome(database: Database, id: string, row: OutcomeRow): Statement {
  return chatStatements(database).setOutcome({ id, ...row }, { rows: 1, error: () => notOpen(id) });
}

/** One call as it counts: by who answered it. */
export function usageOf(
  begun: Begun,
  outcome: Pick<Outcome, 'state' | 'promptTokens' | 'completionTokens' | 'costNanos' | 'answeredBy'>,
): CallUsage {
  return {
    owner: begun.owner,
    keyId: begun.key_id,
    team: begun.team,
    provider: outcome.answeredBy?.provider ?? begun.provider,
    model: outcome.answeredBy?.model ?? begun.model,
    failed: outcome.state === 'failed',
    promptTokens: outcome.promptTokens ?? 0,
    completionTokens: outcome.completionTokens ?? 0,
    costNanos: outcome.costNanos ?? 0,
  };
}

/**
 * Writes to an open completion; `make` is told how often the call still has to be counted. One that was swept although
 * this process has it open is opened again: it was counted then.
 */
async function writeToOpen(
  { database, processId, open }: ChatContext,
  id: string,
  options: WriteOptions,
  make: (requests: 0 | 1) => Statement[],
): Promise<void> {
  try {
    await database.write(make(1), options);
  } catch (error) {
    if (!(error instanceof RatchetError) || error.code !== 'Conflict') throw error;
    // Tells one that is not there from one that is closed.
    const { state } = await requireRow(database, id);
    if (state !== 'interrupted' || !open.begun.has(id)) throw error;
    await database.write([reopening(database, id, processId), ...make(0)], options);
  }
}

function reopening(database: Database, id: string, processId: string): Statement {
  return chatStatements(database).reopen({ id, process_id: processId }, { rows: 1, error: () => notOpen(id) });
}

function uncount({ database, open }: ChatContext, id: string): Statement {
  const begun = open.begun.get(id);
  if (!begun) throw notOpen(id);
  const call = usageOf(begun, { state: 'interrupted', promptTokens: null, completionTokens: null });
  return countCall(database, call, -1);
}

/** The row of a completion. */
export async function findRow({ build, read }: Database, id: string): Promise<CompletionTable | undefined> {
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
