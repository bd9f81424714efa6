import type { KeyObject } from 'node:crypto';
import type { JsonObject } from '../../core/canonical.ts';
import { type Database, type Statement } from '../database.ts';
import type { ChoiceRecord, CompletionRecord } from '../types.ts';
import type { Begun } from './open-chats.ts';
import { type MessageReader, type MessageRef, identify, insertMessages, toRef } from './messages.ts';
import { answerPoint, decodeThread, hashesOf } from './thread-hashes.ts';
import { rememberAnswer } from './threading.ts';

/** A choice as a closed completion keeps it. */
export interface StoredChoice extends MessageRef {
  index: number;
  finishReason: string | null;
  extra: JsonObject;
}

/**
 * Turns the choices of a completion that began so into references, with the statements that store their messages and let
 * later requests find them, by these hashes.
 */
export function storeChoices(
  { database, key }: { database: Database; key: KeyObject },
  { tip, thread: column, conversation_id: conversationId }: Begun,
  choices: readonly ChoiceRecord[],
): { stored: StoredChoice[]; statements: Statement[]; hashes: string[] } {
  const messages = choices.map(({ message }) => identify(key, message, tip));
  const stored = choices.map((choice, at) => toStored(choice, messages[at] ?? identify(key, choice.message, tip)));
  const different = new Map(messages.map((message, at) => [message.id, { message, wire: choices[at]?.message }]));
  const thread = decodeThread(column);
  // Without a request there is no thread to go on with.
  const answers = tip === null ? [] : [...different];
  const points = answers.map(([messageId, { wire }]) => ({
    messageId,
    point: answerPoint(key, thread, wire ?? { role: '' }),
  }));
  return {
    stored,
    statements: [
      ...insertMessages(
        database,
        [...different.values()].map(({ message }) => message),
      ),
      ...points.map(({ messageId, point }) => rememberAnswer(database, point, { conversationId, messageId })),
    ],
    hashes: points.flatMap(({ point }) => hashesOf(point)),
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
