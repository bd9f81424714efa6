import type { KeyObject } from 'node:crypto';
import type { JsonObject } from '../../core/canonical.ts';
import { type Database, type Statement } from '../database.ts';
import type { ChoiceRecord, CompletionRecord } from '../types.ts';
import { type MessageReader, type MessageRef, identify, insertMessages, toRef } from './messages.ts';
import { extendThread, rememberThread } from './threading.ts';

/** A choice as a closed completion keeps it. */
export interface StoredChoice extends MessageRef {
  index: number;
  finishReason: string | null;
  extra: JsonObject;
}

/** Where the choices of a completion belong. */
export interface ChoiceContext {
  database: Database;
  key: KeyObject;
  /** Id of the request's last message. */
  tip: string | null;
  /** Hash of the request's thread. */
  thread: string;
  conversationId: string;
}

/** Turns choices into references, with the statements that store their messages and let later requests find them. */
export function storeChoices(
  context: ChoiceContext,
  choices: readonly ChoiceRecord[],
): { stored: StoredChoice[]; statements: Statement[] } {
  const { database, key, tip, thread, conversationId } = context;
  const messages = choices.map(({ message }) => identify(key, message, tip));
  const stored = choices.map((choice, at) => toStored(choice, messages[at] ?? identify(key, choice.message, tip)));
  // Without a request there is no thread to go on with.
  const threads = tip === null ? [] : choices.map(({ message }) => extendThread(key, thread, message));
  return {
    stored,
    statements: [
      ...insertMessages(database, [...new Map(messages.map((message) => [message.id, message])).values()]),
      ...[...new Set(threads)].map((hash) => rememberThread(database, hash, conversationId)),
    ],
  };
}

/** Choices of a closed completion as they came. */
export function readChoices(stored: readonly StoredChoice[], read: MessageReader): CompletionRecord['choices'] {
  return stored.map(({ id, overlay, index, finishReason, extra }) => ({
    index,
    message: read({ id, ...(overlay && { overlay }) }),
    messageId: id,
    finishReason,
    extra,
  }));
}

/** Choices of an open completion as far as they are known. */
export function readDraft(
  draft: readonly ChoiceRecord[],
  key: KeyObject,
  tip: string | null,
): CompletionRecord['choices'] {
  return draft.map((choice) => ({ ...choice, messageId: identify(key, choice.message, tip).id }));
}

function toStored({ index, finishReason, extra }: ChoiceRecord, message: ReturnType<typeof identify>): StoredChoice {
  return { index, ...toRef(message), finishReason, extra };
}
