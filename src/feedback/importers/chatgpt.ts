import { type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { type Answer, answersIn } from './chatgpt-messages.ts';
import { type Opinions, addOpinions, noOpinions } from './chatgpt-opinions.ts';
import { exchangeOf } from './exchange.ts';
import { textIn, objectIn, timeIn } from './fields.ts';
import { jsonItems } from './json-items.ts';
import { headOf } from './source.ts';
import type { ImportHead, ImportItem, ImportSource, Importer } from './types.ts';
import { looksZipped, zipMembers } from './zip.ts';

/**
 * The export of ChatGPT: the zip file, or `conversations.json` out of it. Thumbs and comparisons, which stand in files of
 * their own, are read from the zip file only. A thumb is the rating, its reasons are tags, what was written is a comment. An
 * answer that was found better than the one before it, or than one beside it, is preferred; one that was only made anew is not.
 */
export const chatgpt: Importer = {
  format: 'chatgpt',
  title: 'ChatGPT',
  description: 'the zip file of Settings > Data controls > Export data, or the conversations.json in it',
  recognises,
  read: readChatgpt,
};

const conversations = /^conversations(-\d+)?\.json$/;
const opinions = /^(message_feedback|model_comparisons)\.json$/;

function recognises({ first, text, isArray, name }: ImportHead): boolean {
  if (looksZipped(text)) return name.toLowerCase().endsWith('.zip');
  if (first) return isArray && isObject(first.mapping);
  return isArray && /"mapping"\s*:\s*\{/.test(text);
}

async function* readChatgpt(source: ImportSource): AsyncGenerator<ImportItem> {
  const { text } = await headOf(source);
  if (!looksZipped(text)) {
    yield* jsonItems(source.bytes(), (item, at) => readConversation(item, at, noOpinions()));
    return;
  }
  const members = await zipMembers(source, (name) => conversations.test(name) || opinions.test(name));
  const chats = members.filter(({ name }) => conversations.test(name));
  if (chats.length === 0) {
    throw new RatchetError(
      'InvalidInput',
      `${source.name} has no conversations.json: name the zip file of the export.`,
    );
  }
  const told = noOpinions();
  for (const member of members) if (opinions.test(member.name)) await addOpinions(told, member);
  yield* told.leftOut;
  for (const { name, bytes } of chats) {
    yield* jsonItems(bytes(), (item, at) => readConversation(item, at, told), { name });
  }
  yield* unheard(told);
}

/** Thumbs of messages that are nowhere: of chats that were deleted, for instance. */
function* unheard({ feedback, answered }: Opinions): Generator<ImportItem> {
  for (const id of feedback.keys()) {
    if (answered.has(id)) continue;
    const detail = `message ${id.slice(0, 100)} is no answer in this export`;
    yield { kind: 'left-out', at: 'message_feedback.json', reason: 'no messages', detail };
  }
}

/** Every answer of a conversation; those that were compared come together. */
function* readConversation(conversation: JsonObject, at: string, told: Opinions): Generator<ImportItem> {
  const answers = answersIn(conversation);
  if (answers.length === 0) yield { kind: 'left-out', at, reason: 'no answer' };
  const done = new Set<Answer>();
  for (const answer of answers) {
    if (done.has(answer)) continue;
    const { better, worse } = comparedWith(answer, answers, told);
    const members = better && worse && !done.has(better) && !done.has(worse) ? [better, worse] : [answer];
    for (const member of members) done.add(member);
    const items = members.map((member) => itemOf(conversation, member, at, told));
    yield* members.length > 1 ? asSet(items, better?.ids.at(-1) ?? '') : items;
  }
}

/** The two answers to the same question that somebody compared, one of which this is. */
function comparedWith(
  answer: Answer,
  answers: readonly Answer[],
  { preferences }: Opinions,
): { better?: Answer | undefined; worse?: Answer | undefined } {
  const preference = answer.ids.map((id) => preferences.get(id)).find((one) => one !== undefined);
  if (!preference) return {};
  const alternatives = answers.filter(({ question }) => question === answer.question);
  const named = (id: string) => alternatives.find(({ ids }) => ids.includes(id));
  const [better, worse] = [named(preference.better), named(preference.worse)];
  return better === worse ? {} : { better, worse };
}

function asSet(items: readonly ImportItem[], best: string): ImportItem[] {
  if (!items.every((item) => item.kind === 'exchange')) return [...items];
  return items.map((item, index) => ({ ...item, siblings: { set: best.slice(0, 500), best: index === 0 } }));
}

function itemOf(conversation: JsonObject, answer: Answer, at: string, told: Opinions): ImportItem {
  const { message, ids } = answer;
  for (const one of ids) if (told.feedback.has(one)) told.answered.add(one);
  if (answer.picture) return { kind: 'left-out', at, reason: 'not text' };
  const id = textIn(conversation.conversation_id) ?? textIn(conversation.id) ?? null;
  return exchangeOf(
    {
      at,
      model: textIn(objectIn(message.metadata).model_slug) ?? textIn(conversation.default_model_slug) ?? null,
      messages: answer.messages,
      answer: answer.text,
      reasoning: answer.thoughts || undefined,
      scope: id,
      createdAt: timeIn(message.create_time) ?? timeIn(conversation.create_time),
      origin: { format: 'chatgpt', conversation_id: id, message_id: ids.at(-1) ?? null },
    },
    ids.flatMap((one) => told.feedback.get(one) ?? []),
  );
}
