import { compileOnce, compileRows, perDatabase } from '../compiled.ts';
import type { CompletionTable, MessageTable } from '../schema.ts';

/** A completion as it begins. */
export type BegunRow = Pick<
  CompletionTable,
  | 'id'
  | 'owner'
  | 'provider'
  | 'model'
  | 'conversation_id'
  | 'stream'
  | 'envelope_json'
  | 'messages_json'
  | 'tip'
  | 'thread'
  | 'node'
  | 'process_id'
  | 'kind'
  | 'key_id'
  | 'team'
  | 'record'
  | 'created_at'
>;

/** What an outcome changes in a completion. */
export type OutcomeRow = Pick<
  CompletionTable,
  | 'state'
  | 'provider'
  | 'model'
  | 'choices_json'
  | 'response_json'
  | 'prompt_tokens'
  | 'completion_tokens'
  | 'error_json'
  | 'attempts_json'
  | 'cost_nanos'
  | 'first_token_at'
  | 'finished_at'
>;

/** The statements that every chat needs. */
export const chatStatements = perDatabase(({ kind, build }) => ({
  /** Fails to find a row when the message was erased meanwhile; PostgreSQL must lock it, since others may write now. */
  hasMessage: compileOnce(({ id }: { id: string }) =>
    build
      .selectFrom('message')
      .select('id')
      .where('id', '=', id)
      .$if(kind === 'postgres', (query) => query.forKeyShare()),
  ),
  insertMessages: compileRows((rows: MessageTable[]) =>
    build
      .insertInto('message')
      .values(rows)
      .onConflict((conflict) => conflict.column('id').doNothing()),
  ),
  insertCompletion: compileOnce((row: BegunRow) => build.insertInto('completion').values({ ...row, state: 'open' })),
  /** Request and outcome at once: no index is written twice. */
  insertEnded: compileOnce((row: BegunRow & OutcomeRow) => build.insertInto('completion').values(row)),
  setDraft: compileOnce((row: Pick<CompletionTable, 'id' | 'draft_json' | 'first_token_at'>) =>
    build
      .updateTable('completion')
      .set({ draft_json: row.draft_json, first_token_at: row.first_token_at })
      .where('id', '=', row.id)
      .where('state', '=', 'open'),
  ),
  setOutcome: compileOnce(({ id, ...outcome }: OutcomeRow & { id: string }) =>
    build
      .updateTable('completion')
      .set({ ...outcome, draft_json: null })
      .where('id', '=', id)
      .where('state', '=', 'open'),
  ),
  /** One that was swept while its process was too busy to renew its lease is open again. */
  reopen: compileOnce(({ id, process_id }: Pick<CompletionTable, 'id' | 'process_id'>) =>
    build
      .updateTable('completion')
      .set({ state: 'open', choices_json: null, finished_at: null })
      .where('id', '=', id)
      .where('state', '=', 'interrupted')
      .where('process_id', '=', process_id)
      .where('erased_at', 'is', null),
  ),
}));
