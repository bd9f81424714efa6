import { type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { WireMessage } from '../../core/message.ts';
import { branchBefore } from './branches.ts';
import { exchangeOf } from './exchange.ts';
import { countIn, eventId, listIn, objectIn, remarks, textIn, timeIn } from './fields.ts';
import { itemsOf, jsonItems } from './json-items.ts';
import { type Message, flattened, messagesIn, partsOf } from './librechat-messages.ts';
import { headOf } from './source.ts';
import type { ImportHead, ImportItem, ImportSource, ImportedFeedback, Importer } from './types.ts';

/** The longest conversation, in bytes: it is a tree, of which any two messages may belong together. */
const longest = 64 * 2 ** 20;

/**
 * A conversation of LibreChat, with all its branches. A thumb is the rating, its reason a tag, what was written a comment.
 * Answers that were made anew stand side by side, which alone prefers none of them.
 */
export const librechat: Importer = {
  format: 'librechat',
  title: 'LibreChat',
  description: 'one conversation (Export & Share > Export, as json, with all message branches), or a list of such',
  recognises,
  read: readLibrechat,
};

function recognises({ first, text }: ImportHead): boolean {
  if (first) return typeof first.conversationId === 'string' && ('messages' in first || 'messagesTree' in first);
  return (
    /"conversationId"\s*:/.test(text) && /"(messages|messagesTree)"\s*:\s*\[/.test(text) && /"messageId"\s*:/.test(text)
  );
}

async function* readLibrechat(source: ImportSource): AsyncGenerator<ImportItem> {
  const { isArray } = await headOf(source);
  if (isArray) yield* jsonItems(source.bytes(), readConversation);
  else yield* itemsOf(await wholeOf(source), 'item 1', readConversation);
}

async function wholeOf(source: ImportSource): Promise<string> {
  if (source.size > longest) {
    throw new RatchetError('InvalidInput', `${source.name} is longer than 64 MiB: export fewer conversations at once.`);
  }
  return Buffer.from(await source.slice(0, source.size))
    .toString('utf8')
    .replace(/^\uFEFF/, '');
}

/** Every answer of a conversation, with the branch that it stands on. */
function* readConversation(conversation: JsonObject, at: string): Generator<ImportItem> {
  const { messages, messagesTree, options } = conversation;
  const list = Array.isArray(messagesTree) ? flattened(messagesTree) : messages;
  if (!Array.isArray(list)) throw new RatchetError('InvalidInput', 'The conversation has no "messages".');
  const tree = messagesIn(list);
  const answers = [...tree.values()].filter(({ role }) => role === 'assistant');
  if (answers.length === 0) yield { kind: 'left-out', at, reason: 'no answer' };
  const told: Told = {
    id: textIn(conversation.conversationId) ?? '',
    endpoint: textIn(conversation.endpoint),
    system: textIn(objectIn(options).promptPrefix) ?? textIn(objectIn(options).system),
    model: textIn(objectIn(options).model),
  };
  for (const answer of answers) yield answerOf(told, tree, answer, at);
}

/** What is said of the conversation as a whole. */
interface Told {
  id: string;
  endpoint: string | undefined;
  system: string | undefined;
  model: string | undefined;
}

function answerOf(told: Told, tree: ReadonlyMap<string, Message>, message: Message, at: string): ImportItem {
  const branch = branchBefore(tree, message.id);
  const { body } = message;
  if ([...branch, message].some(({ body }) => partsOf(body).pictures))
    return { kind: 'left-out', at, reason: 'not text' };
  if (body.error === true || body.unfinished === true) return { kind: 'left-out', at, reason: 'no answer' };
  const { text, thoughts } = partsOf(body);
  const endpoint = textIn(body.endpoint) ?? told.endpoint;
  return exchangeOf(
    {
      at,
      model: textIn(body.model) ?? told.model ?? endpoint ?? null,
      messages: [
        ...(told.system === undefined ? [] : [{ role: 'system', content: told.system }]),
        ...branch.flatMap(wireOf),
      ],
      answer: text,
      reasoning: thoughts,
      scope: told.id || null,
      createdAt: timeIn(body.createdAt),
      tokens: { prompt: null, completion: countIn(body.tokenCount) },
      origin: {
        format: 'librechat',
        conversation_id: told.id,
        message_id: message.id,
        ...(endpoint !== undefined && { endpoint }),
      },
    },
    feedbackOf(message),
  );
}

function wireOf({ role, body }: Message): WireMessage[] {
  const { text } = partsOf(body);
  return text === '' || body.error === true ? [] : [{ role, content: text }];
}

function feedbackOf({ id, body }: Message): ImportedFeedback[] {
  const { feedback } = body;
  if (!isObject(feedback)) return [];
  const rating = ratings.get(feedback.rating);
  // A tag is its key, or all that is known of it.
  const tags = [feedback.tag, objectIn(feedback.tag).key, ...listIn(feedback.tags)];
  const event = { ...(rating && { rating }), ...remarks(tags, feedback.text) };
  if (!rating && event.comment === undefined) return [];
  return [{ ...event, id: eventId(id, event) }];
}

const ratings = new Map<unknown, 1 | -1>([
  ['thumbsUp', 1],
  ['thumbsDown', -1],
]);
