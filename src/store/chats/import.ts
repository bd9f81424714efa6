import { createHmac } from 'node:crypto';
import { canonicalJson } from '../../core/canonical.ts';
import { isConstraint, statement } from '../database.ts';
import { now } from '../ids.ts';
import { encodeJson, encodeNullable } from '../json.ts';
import type { CompletionTable } from '../schema.ts';
import type { ImportReport, ImportedChat } from '../types.ts';
import { storeChoices } from './choices.ts';
import type { ChatContext } from './ending.ts';
import { identifyAll, insertMessages, toRef } from './messages.ts';
import { encodeThread, hashHistory } from './thread-hashes.ts';
import { placeAndWrite } from './threading.ts';

/**
 * Writes chats that were had elsewhere, one after the other, so that chats which go on beside it never wait for more than
 * one. One that was written before is known by its content, and stays as it is, even when it was erased since.
 */
export async function importChats(context: ChatContext, chats: readonly ImportedChat[]): Promise<ImportReport> {
  const report: ImportReport = { written: 0, known: 0, ids: chats.map((chat) => idOf(context, chat)) };
  for (const [at, chat] of chats.entries()) {
    // The last one's sync covers all that were written before it.
    const written = await importChat(context, chat, { sync: at === chats.length - 1 }).catch((error: unknown) => {
      // Another import of the same chat was faster.
      if (isConstraint(error, 'unique')) return false;
      throw error;
    });
    report[written ? 'written' : 'known'] += 1;
  }
  return report;
}

async function importChat(context: ChatContext, chat: ImportedChat, how: { sync: boolean }): Promise<boolean> {
  const { database, key } = context;
  const { build, read, write } = database;
  const id = idOf(context, chat);
  const [known] = await read(build.selectFrom('completion').select('id').where('id', '=', id));
  if (known) {
    if (how.sync) await write([statement(build.updateTable('completion').set({ id }).where('id', '=', id))], how);
    return false;
  }
  const { owner, messages } = chat;
  const identified = identifyAll(key, messages);
  const history = hashHistory(key, chat);
  const firstUser = identified[messages.findIndex(({ role }) => role === 'user')]?.id ?? null;
  const row = rowOf(context, chat, id);
  const thread = encodeThread(history.thread);
  const tip = identified.at(-1)?.id ?? null;
  await placeAndWrite(database, { owner, history, firstUser }, async ({ conversationId, node, statements }) => {
    const begun = { ...row, tip, thread, conversation_id: conversationId };
    const { stored, statements: answers } = storeChoices(context, begun, chat.choices);
    const messages_json = encodeJson(identified.map(toRef));
    const at = await freeTime(context, conversationId, row.created_at);
    const insert = build.insertInto('completion').values({
      ...begun,
      node,
      messages_json,
      choices_json: encodeJson(stored),
      created_at: at,
      finished_at: at,
    });
    await write([...insertMessages(database, identified), ...statements, statement(insert), ...answers], how);
  });
  return true;
}

function rowOf({ processId }: ChatContext, chat: ImportedChat, id: string) {
  const at = chat.createdAt ?? now();
  return {
    id,
    owner: chat.owner,
    provider: chat.provider,
    model: chat.model,
    stream: 0,
    envelope_json: encodeJson(chat.envelope),
    state: 'complete',
    response_json: encodeNullable(chat.response),
    prompt_tokens: chat.promptTokens,
    completion_tokens: chat.completionTokens,
    process_id: processId,
    kind: 'chat',
    key_id: null,
    team: null,
    record: 'all',
    origin_json: encodeJson(chat.origin),
    created_at: at,
    finished_at: at,
  } satisfies Partial<CompletionTable>;
}

/** Many files know only the second: turns of one that fall into it keep the order in which they are read. */
async function freeTime({ database }: ChatContext, conversationId: string, at: number): Promise<number> {
  const [row] = await database.read(
    database.build
      .selectFrom('completion')
      .select((eb) => eb.fn.max('created_at').as('last'))
      .where('conversation_id', '=', conversationId)
      .where('created_at', '>=', at)
      .where('created_at', '<', at + 1000),
  );
  return row?.last ? row.last + 1 : at;
}

/** A UUID made of the content (RFC 9562, version 8), keyed as ids of messages are. */
function idOf(
  { key }: ChatContext,
  { owner, scope, envelope, messages, choices, response, origin }: ImportedChat,
): string {
  const content = canonicalJson({ owner, scope, envelope, messages, choices, response, origin });
  const bytes = createHmac('sha256', key).update(`import\n${content}`).digest().subarray(0, 16);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
