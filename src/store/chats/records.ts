import type { KeyObject } from 'node:crypto';
import { RatchetError } from '../../core/errors.ts';
import type { Database } from '../database.ts';
import { decodeJson, decodeNullable } from '../json.ts';
import type { CompletionTable } from '../schema.ts';
import type { Attempt, ChoiceRecord, CompletionKind, CompletionRecord, CompletionState } from '../types.ts';
import { type StoredChoice, readChoices, readDraft } from './choices.ts';
import { type MessageReader, type MessageRef, loadMessages } from './messages.ts';

const readings = 5;

/** Reads rows and what they point at; once more when something of it was erased in between. */
export async function readSettled<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await read();
    } catch (error) {
      const erased = error instanceof RatchetError && error.details.missing !== undefined;
      if (!erased || attempt === readings) throw error;
    }
  }
}

/** Rows of completions as records, with the messages of all of them loaded together. */
export async function toRecords(
  database: Database,
  key: KeyObject,
  rows: readonly CompletionTable[],
): Promise<CompletionRecord[]> {
  const parsed = rows.map((row) => ({
    row,
    refs: decodeJson<MessageRef[]>(row.messages_json),
    stored: decodeNullable<StoredChoice[]>(row.choices_json) ?? [],
  }));
  const ids = parsed.flatMap(({ refs, stored }) => [...refs, ...stored].map(({ id }) => id));
  const read = await loadMessages(database, ids);
  return parsed.map(({ row, refs, stored }) => ({
    ...plainFields(row),
    messages: refs.map(read),
    messageIds: refs.map(({ id }) => id),
    choices: choicesOf(row, stored, read, key),
  }));
}

function choicesOf(
  row: CompletionTable,
  stored: StoredChoice[],
  read: MessageReader,
  key: KeyObject,
): CompletionRecord['choices'] {
  const draft = decodeNullable<ChoiceRecord[]>(row.draft_json);
  return draft ? readDraft(draft, key, row.tip) : readChoices(stored, read);
}

function plainFields(row: CompletionTable): Omit<CompletionRecord, 'messages' | 'messageIds' | 'choices'> {
  return {
    id: row.id,
    owner: row.owner,
    provider: row.provider,
    model: row.model,
    envelope: decodeJson(row.envelope_json),
    conversationId: row.conversation_id,
    stream: row.stream === 1,
    kind: row.kind as CompletionKind,
    keyId: row.key_id,
    team: row.team,
    record: row.record === 'meta' ? 'meta' : 'all',
    attempts: decodeNullable<Attempt[]>(row.attempts_json) ?? [],
    costNanos: row.cost_nanos,
    erasedAt: row.erased_at,
    origin: decodeNullable(row.origin_json),
    state: row.state as CompletionState,
    node: row.node,
    response: decodeNullable(row.response_json),
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    error: decodeNullable(row.error_json),
    createdAt: row.created_at,
    firstTokenAt: row.first_token_at,
    finishedAt: row.finished_at,
  };
}
