import { type KeyObject, createHmac } from 'node:crypto';
import { RatchetError } from '../../core/errors.ts';
import {
  type CanonicalMessage,
  type MessageOverlay,
  type WireMessage,
  hashInput,
  joinMessage,
  splitMessage,
} from '../../core/message.ts';
import { type Database, type Statement, chunks, statement } from '../database.ts';
import { now } from '../ids.ts';
import { decodeJson, encodeJson } from '../json.ts';

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
  const id = createHmac('sha256', key).update(hashInput(canonical)).digest('hex');
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

/** Statements that store the messages which are not stored yet. */
export async function storeMessages(database: Database, messages: readonly IdentifiedMessage[]): Promise<Statement[]> {
  const known = await knownIds(database, messages);
  const fresh = new Map(messages.filter(({ id }) => !known.has(id)).map((message) => [message.id, message]));
  return insertMessages(database, [...fresh.values()]);
}

/** Statements that store messages, whether or not they are there. */
export function insertMessages({ build }: Database, messages: readonly IdentifiedMessage[]): Statement[] {
  const createdAt = now();
  const rows = messages.map(({ id, canonical: { parent, ...body } }) => ({
    id,
    parent,
    body_json: encodeJson(body),
    created_at: createdAt,
  }));
  return chunks(rows, 200).map((values) =>
    statement(
      build
        .insertInto('message')
        .values(values)
        .onConflict((conflict) => conflict.column('id').doNothing()),
    ),
  );
}

/** Loads messages in as few queries as can be, and gives back what reads them. */
export async function loadMessages({ build, read }: Database, ids: Iterable<string>): Promise<MessageReader> {
  const bodies = new Map<string, { parent: string | null; body: string }>();
  for (const some of chunks([...new Set(ids)], 1000)) {
    const rows = await read(build.selectFrom('message').select(['id', 'parent', 'body_json']).where('id', 'in', some));
    for (const row of rows) bodies.set(row.id, { parent: row.parent, body: row.body_json });
  }
  return ({ id, overlay }) => {
    const found = bodies.get(id);
    if (!found) {
      throw new RatchetError('Bug', `The message ${id} is missing from the store: restore the database from a backup.`);
    }
    // Parsed for each use, so that no two records share an object.
    const canonical = { parent: found.parent, ...decodeJson<Omit<CanonicalMessage, 'parent'>>(found.body) };
    return joinMessage(canonical, overlay ?? {});
  };
}

async function knownIds({ build, read }: Database, messages: readonly IdentifiedMessage[]): Promise<Set<string>> {
  const known = new Set<string>();
  for (const some of chunks(messages, 1000)) {
    const ids = some.map(({ id }) => id);
    const rows = await read(build.selectFrom('message').select('id').where('id', 'in', ids));
    for (const row of rows) known.add(row.id);
  }
  return known;
}
