import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { eventId, listIn, objectIn, raterIn, remarks, shareOf, textIn } from './fields.ts';
import { jsonItems } from './json-items.ts';
import { jsonLines } from './json-lines.ts';
import { type Chat, type Message, answerOf, correctionOf, readChat, siblingsOf } from './open-webui-message.ts';
import { headOf } from './source.ts';
import type { ImportHead, ImportItem, ImportSource, ImportedFeedback, Importer } from './types.ts';

/**
 * Feedback of Open WebUI, with the chats that it keeps beside each rating, and chats, with the ratings that they hold. The
 * same rating in both is one. A thumb is the rating, the scale from 1 to 10 the score, (n - 1) / 9; a reason is a tag; an
 * answer that was edited is a correction. Who is rated good among answers to the same is preferred to the others.
 */
export const openWebui: Importer = {
  format: 'open-webui',
  title: 'Open WebUI',
  description:
    'feedback (Admin Panel > Evaluations > Feedback > Export) and chats (Settings > Data Controls > Export Chats)',
  recognises,
  read: readOpenWebui,
};

function recognises({ first, text, isArray }: ImportHead): boolean {
  if (first && isFeedback(first)) return true;
  if (first) return isObject(objectIn(first.chat).history ?? objectIn(first.history).messages);
  // The first item of an export may be longer than what is looked at.
  if (isArray && /"type"\s*:\s*"rating"/.test(text) && /"(model_id|snapshot)"\s*:/.test(text)) return true;
  return /"history"\s*:\s*\{/.test(text) && /"(childrenIds|parentId|currentId)"\s*:/.test(text);
}

function isFeedback({ type, data }: JsonObject): boolean {
  return type === 'rating' && isObject(data);
}

async function* readOpenWebui(source: ImportSource): AsyncGenerator<ImportItem> {
  const { isArray } = await headOf(source);
  if (isArray) yield* jsonItems(source.bytes(), itemsOf);
  else yield* jsonLines(source, (record, at) => [...itemsOf(record, at)]);
}

function itemsOf(record: JsonObject, at: string): Iterable<ImportItem> {
  return isFeedback(record) ? ratedAnswer(record, at) : answersOf(record, at);
}

/** A record of feedback: the answer that it rates, and those that it was compared with. */
function* ratedAnswer({ id, user_id, data, meta, snapshot }: JsonObject, at: string): Generator<ImportItem> {
  const { message_id: messageId, chat_id: chatId } = objectIn(meta);
  const record = objectIn(snapshot).chat;
  if (!isObject(record)) {
    const detail = 'The record has no snapshot of its chat: take the export, not the list.';
    yield { kind: 'left-out', at, reason: 'no messages', detail };
    return;
  }
  const chat = readChat(record, textIn(chatId));
  const rated = chat.messages.get(textIn(messageId) ?? '');
  if (!rated)
    throw new RatchetError('InvalidInput', `The chat has no message "${(textIn(messageId) ?? '').slice(0, 100)}".`);
  const said = objectIn(data);
  const ratingOf = (message: Message) =>
    message === rated ? ratingIn(said.rating) : ratingIn(annotationOf(message).rating);
  const compared = listIn(said.sibling_model_ids).length > 0 && ratingOf(rated) !== undefined;
  const comparison = compared ? compare([rated, ...siblingsOf(chat, rated)], ratingOf) : null;
  const read = (message: Message): ImportItem => {
    if (message !== rated) return answerOf(chat, message, at, []);
    const events = eventsOf(said, rated, { user: user_id, id: textIn(id) ?? rated.id });
    return answerOf(chat, rated, at, events, textIn(said.model_id));
  };
  yield* comparison ? setOf(comparison, read, chat) : [read(rated)];
}

/** Every answer of a chat, with what was said of it. */
function* answersOf(record: JsonObject, at: string): Generator<ImportItem> {
  const chat = readChat(record);
  const answers = [...chat.messages.values()].filter(({ role }) => role === 'assistant');
  if (answers.length === 0) yield { kind: 'left-out', at, reason: 'no answer' };
  const read = (message: Message): ImportItem => {
    const from = { user: record.user_id, id: textIn(message.body.feedbackId) ?? message.id };
    return answerOf(chat, message, at, eventsOf(annotationOf(message), message, from));
  };
  for (const alternatives of Map.groupBy(answers, ({ parent }) => parent).values()) {
    const comparison = compare(alternatives, (message) => ratingIn(annotationOf(message).rating));
    const members = comparison ? [comparison.best, ...comparison.over] : [];
    if (comparison) yield* setOf(comparison, read, chat);
    for (const message of alternatives) if (!members.includes(message)) yield read(message);
  }
}

interface Comparison {
  best: Message;
  over: Message[];
}

/**
 * What ratings say of answers to the same: one that is good is better than those that are not. One that is bad is worse
 * than the other, where there is just one. Answers without ratings say nothing.
 */
function compare(answers: readonly Message[], ratingOf: (message: Message) => number | undefined): Comparison | null {
  const good = answers.find((one) => ratingOf(one) === 1);
  const bad = answers.filter((one) => ratingOf(one) === -1);
  const other = answers.length === 2 && bad.length === 1 ? answers.find((one) => ratingOf(one) !== -1) : undefined;
  const best = good ?? other;
  const over = good ? answers.filter((one) => ratingOf(one) !== 1) : bad;
  return best && over.length > 0 ? { best, over } : null;
}

/** The answers of a comparison as one set, without those that are none. */
function setOf({ best, over }: Comparison, read: (message: Message) => ImportItem, { id }: Chat): ImportItem[] {
  const items = [best, ...over].map(read);
  const [first, ...others] = items;
  if (first?.kind !== 'exchange' || !others.some(({ kind }) => kind === 'exchange')) return items;
  const set = `${id} ${best.id}`.slice(0, 500);
  const marked = items.flatMap((item) =>
    item.kind === 'exchange' ? [{ ...item, siblings: { set, best: item === first } }] : [],
  );
  return [...marked, ...items.filter(({ kind }) => kind === 'left-out')];
}

function annotationOf({ body }: Message): JsonObject {
  return objectIn(body.annotation);
}

/** A thumb; some versions write it as text. 0 is a draw. */
function ratingIn(value: Json | undefined): 1 | -1 | undefined {
  if (value === 1 || value === '1') return 1;
  return value === -1 || value === '-1' ? -1 : undefined;
}

/** What is said of an answer, as one event. Its id is the record's with what it says, so that a changed one is another. */
function eventsOf(said: JsonObject, message: Message, { user, id }: { user: unknown; id: string }): ImportedFeedback[] {
  const rating = ratingIn(said.rating);
  const score = shareOf(objectIn(said.details).rating, 1, 10);
  const event: ImportedFeedback = {
    ...(rating !== undefined && { rating }),
    ...(score !== undefined && { score }),
    ...remarks([said.reason, ...listIn(said.tags)], said.comment),
    ...correctionOf(message),
  };
  if (Object.keys(event).every((name) => name === 'tags')) return [];
  return [{ ...event, ...raterIn(user), id: eventId(id, event) }];
}
