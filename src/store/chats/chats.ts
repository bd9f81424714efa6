import { planPage } from '../page.ts';
import type { ChatStore } from '../types.ts';
import { begin } from './begin.ts';
import { listConversations } from './conversations.ts';
import { type ChatContext, findRow, finish, progress } from './ending.ts';
import { eraseChats } from './erase.ts';
import { importChats } from './import.ts';
import { listCompletions } from './list.ts';
import { createOpenChats } from './open-chats.ts';
import { readSettled, toRecords } from './records.ts';
import { indexNext } from './search.ts';
import { sweepInterrupted } from './sweep.ts';

/** The record of chats: messages stored once, completions that refer to them. */
export function createChatStore(options: Omit<ChatContext, 'open'>): ChatStore {
  const context = { ...options, open: createOpenChats() };
  const { database, key } = context;
  const aside = { ...database, read: database.readAside };
  return {
    begin: (request, how) => begin(context, request, how),
    progress: (id, choices, firstTokenAt) => progress(context, id, choices, firstTokenAt),
    finish: (id, outcome) => finish(context, id, outcome),
    get: (id) =>
      readSettled(async () => {
        const row = await findRow(database, id);
        const [record] = row ? await toRecords(database, key, [row]) : [];
        return record ?? null;
      }),
    list: (filter, request) =>
      readSettled(async () => {
        const { rows, next } = await listCompletions(database, filter, planPage(request));
        return { items: await toRecords(aside, key, rows), next };
      }),
    conversations: (filter, request) => readSettled(() => listConversations(database, key, filter, planPage(request))),
    indexNext: (limit) => indexNext(database, limit),
    import: (chats) => importChats(context, chats),
    erase: (request) => eraseChats(context, request),
    sweepInterrupted: () => sweepInterrupted(context),
  };
}
