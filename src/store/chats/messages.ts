import type { KeyObject } from 'node:crypto';
import { sql } from 'kysely';
import { RatchetError } from '../../core/errors.ts';
import {
  type CanonicalMessage,
  type MessageOverlay,
  type WireMessage,
  hashInput,
  joinMessage,
  splitMessage,
} from '../../core/message.ts';
import { type Database, type Statement, chunks } from '../database.ts';
import { now } from '../ids.ts';
import { decodeJson, encodeJson } from '../json.ts';
import { keyedHash } from './keyed-hash.ts';
import type { OpenChats } from './open-chats.ts';
import { chatStatements } from './statements.ts';

const [manyRows, fewRows] = [64, 8];

/** How a record points at a message that is stored once: its id, and what only this record saw. */
export interface MessageRef {
  id: string;
  overlay?: MessageOverlay;
}

export interface IdentifiedMessage extends MessageRef {
  canonical: CanonicalMessage;
}

/** Looks a message up by its id. */
export type MessageReader = (ref: MessageRef) => WireMessage;

/** Names a message by the keyed hash of its canonical form under its parent. */
export function identify(key: KeyObject, wire: WireMessage, parent: string | null): IdentifiedMessage {
  const { canonical, overlay } = splitMessage(wire, parent);
  const id = keyedHash(key, hashInput(canonical));
  return { id, canonical, ...(Object.keys(overlay).length > 0 && { overlay }) };
}

/** Names every message of a request; each is the parent of the next. */
export function identifyAll(key: KeyObject, messages: readonly WireMessage[]): IdentifiedMessage[] {
  const identified: IdentifiedMessage[] = [];
  for (const message of messages) identified.push(identify(key, message, identified.at(-1)?.id ?? null));
  return identified;
}

export function toRef({ id, overlay }: IdentifiedMessage): MessageRef {
  return { id, ...(overlay && { overlay }) };
}

/**
 * Statements that store the messages of a request, a chain, which are not known to be stored. When one that is known was
 * erased meanwhile the batch fails with an error that {@link isForgotten} tells: forget them, and try again.
 */
export function storeChain(
  database: Database,
  chain: readonly IdentifiedMessage[],
  { stored }: OpenChats,
): Statement[] {
  const { count, known } = stored(chain.map(({ id }) => id));
  const inserts = insertMessages(database, chain.slice(count));
  if (known === null) return inserts;
  // Messages are erased from the end of a chain: where one is, those before it are.
  return [chatStatements(database).hasMessage({ id: known }, { rows: 1, error: forgotten }), ...inserts];
}

function forgotten(): RatchetError {
  return new RatchetError('Conflict', 'A message of this chat was erased just now: send the request again.', {
    details: { forgotten: true },
  });
}

/** Whether a batch of {@link storeChain} failed because a message is no longer stored. */
export function isForgotten(error: unknown): boolean {
  return error instanceof RatchetError && error.details.forgotten === true;
}

/** Statements that store messages, whether or not they are there. */
export function insertMessages(database: Database, messages: readonly IdentifiedMessage[]): Statement[] {
  const createdAt = now();
  const rows = messages.map(({ id, canonical: { parent, ...body } }) => ({
    id,
    parent,
    body_json: encodeJson(body),
    created_at: createdAt,
  }));
  return inPieces(rows).map((some) => chatStatements(database).insertMessages(some));
}

/** Pieces of few different lengths, since a statement is compiled for each. */
function inPieces<T>(rows: readonly T[]): T[][] {
  const many = rows.length - (rows.length % manyRows);
  return [...chunks(rows.slice(0, many), manyRows), ...chunks(rows.slice(many), fewRows)];
}

/**
 * Loads messages in as few queries as can be, and gives back what reads them. One whose body is longer than `maxBytes`
 * is left out, as if it were missing.
 */
export async function loadMessages(
  { build, read }: Database,
  ids: Iterable<string>,
  maxBytes?: number,
): Promise<MessageReader> {
  const bodies = new Map<string, { parent: string | null; body: string }>();
  for (const some of chunks([...new Set(ids)], 1000)) {
    const rows = await read(
      build
        .selectFrom('message')
        .select(['id', 'parent', 'body_json'])
        .where('id', 'in', some)
        .$if(maxBytes !== undefined, (query) => query.where(sql<boolean>`octet_length(body_json) <= ${maxBytes}`)),
    );
    for (const row of rows) bodies.set(row.id, { parent: row.parent, body: row.body_json });
  }
  return ({ id, overlay }) => {
    const found = bodies.get(id);
    if (!found) {
      throw new RatchetError(
        'Bug',
        `The message ${id} is missing from the store: restore the database from a backup.`,
        { details: { missing: id } },
      );
    }
    // Parsed for each use, so that no two records share an object.
    const canonical = { parent: found.parent, ...decodeJson<Omit<CanonicalMessage, 'parent'>>(found.body) };
    return joinMessage(canonical, overlay ?? {});
  };
}

/** What an action gives, or null when a message that it reads was not loaded. */
export function nullIfMissing<T>(action: () => T): T | null {
  try {
    return action();
  } catch (error) {
    if (error instanceof RatchetError && error.details.missing !== undefined) return null;
    throw error;
  }
}
