import type { StoredChoice } from './chats/choices.ts';
import type { MessageRef } from './chats/messages.ts';
import { type Database, chunks } from './database.ts';
import type { Continuation } from './forgotten-types.ts';
import { decodeJson, decodeNullable } from './json.ts';

interface Row {
  id: string;
  conversation_id: string;
  owner: string;
  messages_json: string;
  choices_json: string | null;
}

/**
 * Completions of other conversations, of the same owner, whose history holds an answer of this conversation. An answer that
 * their own conversation gave as well, word for word to the same words, is their own.
 */
export async function continuationsOf(database: Database, conversationId: string): Promise<Continuation[]> {
  const own = await completionsOf(database, [conversationId]);
  const owners = new Set(own.map(({ owner }) => owner));
  const answers = new Set(own.flatMap(answersOf));
  const rows = (await endingIn(database, await following(database, [...answers]))).filter(
    (row) => row.conversation_id !== conversationId && owners.has(row.owner),
  );
  const others = [...new Set(rows.map((row) => row.conversation_id))];
  const given = new Map<string, Set<string>>();
  for (const row of await completionsOf(database, others)) {
    const known = given.get(row.conversation_id) ?? new Set();
    for (const answer of answersOf(row)) known.add(answer);
    given.set(row.conversation_id, known);
  }
  return rows
    .filter((row) => {
      const shared = decodeJson<MessageRef[]>(row.messages_json).filter(({ id }) => answers.has(id));
      return shared.some(({ id }) => !given.get(row.conversation_id)?.has(id));
    })
    .map((row) => ({ completionId: row.id, conversationId: row.conversation_id, owner: row.owner }))
    .sort((a, b) => (a.completionId < b.completionId ? -1 : 1));
}

const columns = ['id', 'conversation_id', 'owner', 'messages_json', 'choices_json'] as const;

async function completionsOf({ build, readAside }: Database, conversations: readonly string[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const some of chunks(conversations, 500)) {
    const query = build.selectFrom('completion').select(columns).where('conversation_id', 'in', some);
    rows.push(...(await readAside(query)));
  }
  return rows;
}

/** Every message that comes after one of these, with themselves. */
async function following({ build, readAside }: Database, start: readonly string[]): Promise<string[]> {
  const found = new Set(start);
  let last: readonly string[] = start;
  while (last.length > 0) {
    const next: string[] = [];
    for (const some of chunks(last, 500)) {
      const rows = await readAside(build.selectFrom('message').select('id').where('parent', 'in', some));
      next.push(...rows.map(({ id }) => id).filter((id) => !found.has(id)));
    }
    for (const id of next) found.add(id);
    last = [...new Set(next)];
  }
  return [...found];
}

async function endingIn({ build, readAside }: Database, tips: readonly string[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const some of chunks(tips, 500)) {
    rows.push(...(await readAside(build.selectFrom('completion').select(columns).where('tip', 'in', some))));
  }
  return rows;
}

function answersOf({ choices_json }: Row): string[] {
  return (decodeNullable<StoredChoice[]>(choices_json) ?? []).map(({ id }) => id);
}
