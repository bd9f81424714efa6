import { type KeyObject, createHmac } from 'node:crypto';
import { type Json, canonicalJson, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { type WireMessage, splitMessage } from '../../core/message.ts';
import { type Database, type Statement, chunks, statement } from '../database.ts';
import { now, uuidv7 } from '../ids.ts';

// A client that resends its history is recognised by a chained hash over a normalised form of its messages. Only the
// hashes that end in an answer of ours are stored, so that two chats which merely begin alike never meet.

const lookedUpAtOnce = 500;

/** Hash of a thread that has no message yet: every owner has threads of their own. */
export function rootThread(key: KeyObject, owner: string): string {
  return createHmac('sha256', key).update(`thread\n${owner}`).digest('hex');
}

/** Hash of a thread with one more message. */
export function extendThread(key: KeyObject, thread: string, message: WireMessage): string {
  return createHmac('sha256', key)
    .update(`${thread}\n${canonicalJson(normalForm(message))}`)
    .digest('hex');
}

/** Hash of the thread after each message. */
export function threadHashes(key: KeyObject, owner: string, messages: readonly WireMessage[]): string[] {
  let thread = rootThread(key, owner);
  return messages.map((message) => {
    thread = extendThread(key, thread, message);
    return thread;
  });
}

/**
 * What two messages must share to count as the same when a client sends its history again: white space collapsed,
 * and without reasoning, the way in which content is written, and fields of others.
 */
export function normalForm(message: WireMessage): Json {
  const { role, parts, name, tool_calls, tool_call_id } = splitMessage(message, null).canonical;
  const content = parts.map(normalPart).filter((part) => part !== null);
  return {
    role,
    text: collapse(withoutThinking(content.filter((part) => typeof part === 'string').join(' '), role)),
    media: content.filter((part) => typeof part !== 'string'),
    name,
    tool_calls: (tool_calls ?? []).map(normalCall),
    tool_call_id,
  };
}

function normalPart(part: Json): Json {
  if (!isObject(part)) return part;
  if (typeof part.text === 'string' && (part.type === 'text' || part.type === undefined)) return part.text;
  if (typeof part.type === 'string' && /^(redacted_)?(thinking|reasoning)$/.test(part.type)) return null;
  return part;
}

function normalCall(call: Json): Json {
  if (!isObject(call) || !isObject(call.function)) return call;
  const { name, arguments: given } = call.function;
  return { id: call.id ?? null, name: name ?? null, arguments: normalArguments(given ?? null) };
}

function normalArguments(given: Json): Json {
  if (typeof given !== 'string') return given;
  try {
    return JSON.parse(given) as Json;
  } catch {
    return collapse(given);
  }
}

function withoutThinking(text: string, role: string): string {
  return role === 'assistant' ? text.replace(/^\s*<think>[\s\S]*?<\/think>/, '') : text;
}

function collapse(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

export interface Placement {
  conversationId: string;
  /** What makes the conversation when it is a new one. */
  statements: Statement[];
}

/** Finds the conversation that a request goes on with, or begins one. */
export async function placeRequest(
  database: Database,
  request: { owner: string; messages: readonly WireMessage[]; conversationId?: string },
  threads: readonly string[],
): Promise<Placement> {
  const { owner, conversationId } = request;
  if (conversationId !== undefined) {
    await requireConversation(database, conversationId, owner);
    return { conversationId, statements: [] };
  }
  const answered = threads.filter((_, index) => request.messages[index]?.role === 'assistant');
  const known = await longestKnown(database, answered);
  return known === null ? beginConversation(database, owner) : { conversationId: known, statements: [] };
}

/** Statement that lets later requests find a thread which ends in an answer of ours. */
export function rememberThread({ build }: Database, hash: string, conversationId: string): Statement {
  return statement(
    build
      .insertInto('thread_node')
      .values({ hash, conversation_id: conversationId, created_at: now() })
      .onConflict((conflict) => conflict.columns(['hash', 'conversation_id']).doNothing()),
  );
}

/** The newest conversation of the longest of these prefixes (shortest first) that is known. */
async function longestKnown({ build, read }: Database, prefixes: readonly string[]): Promise<string | null> {
  const length = new Map(prefixes.map((hash, index) => [hash, index]));
  for (const some of chunks([...length.keys()].reverse(), lookedUpAtOnce)) {
    const found = await read(
      build
        .selectFrom('thread_node')
        .select(['hash', 'conversation_id'])
        .where('hash', 'in', some)
        .orderBy('created_at', 'desc')
        .orderBy('conversation_id', 'desc'),
    );
    const [longest] = found.sort((a, b) => (length.get(b.hash) ?? 0) - (length.get(a.hash) ?? 0));
    if (longest) return longest.conversation_id;
  }
  return null;
}

async function requireConversation({ build, read }: Database, id: string, owner: string): Promise<void> {
  const query = build.selectFrom('conversation').select('id').where('id', '=', id).where('owner', '=', owner);
  const [found] = await read(query);
  if (!found) {
    throw new RatchetError(
      'NotFound',
      `You have no conversation "${id}": leave x-conversation-id out to begin one, or send an id that an answer gave.`,
    );
  }
}

function beginConversation({ build }: Database, owner: string): Placement {
  const id = uuidv7();
  const insert = build.insertInto('conversation').values({ id, owner, created_at: now() });
  return { conversationId: id, statements: [statement(insert)] };
}
