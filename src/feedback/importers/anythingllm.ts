import type { Json, JsonObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { type WireMessage, textOf } from '../../core/message.ts';
import { exchangeOf } from './exchange.ts';
import { listIn, objectIn, textIn, timeIn } from './fields.ts';
import { jsonItems } from './json-items.ts';
import { jsonLines } from './json-lines.ts';
import { headOf } from './source.ts';
import type { ImportHead, ImportItem, ImportSource, ImportedFeedback, Importer } from './types.ts';

/**
 * The chats of AnythingLLM's workspaces. Its json has one chat in each row, with the thumb: GOOD is 1, BAD is -1. Its jsonl
 * has a workspace on each line, with the system prompt and without thumbs. Both give the threads of all users one after the
 * other without saying where one ends, so that each answer stands alone with what it answers.
 */
export const anythingllm: Importer = {
  format: 'anythingllm',
  title: 'AnythingLLM',
  description:
    'workspace chats (Settings > Workspace Chats > Export), as json, which has the ratings, or as jsonl with --format anythingllm',
  recognises,
  read: readAnythingllm,
};

function recognises({ first, text, isArray }: ImportHead): boolean {
  if (!isArray) return /^\s*\{\s*"messages"\s*:\s*\[\s*\{\s*"role"\s*:\s*"system"\s*,\s*"content"\s*:\s*\[/.test(text);
  if (first) return 'prompt' in first && 'sent_at' in first;
  return /^\s*\[\s*\{\s*"id"\s*:\s*\d+\s*,\s*"prompt"\s*:/.test(text);
}

async function* readAnythingllm(source: ImportSource): AsyncGenerator<ImportItem> {
  const { isArray } = await headOf(source);
  if (isArray) yield* jsonItems(source.bytes(), readRow);
  else yield* jsonLines(source, readWorkspace);
}

/** A row of the json: a question and its answer. */
function* readRow(row: JsonObject, at: string): Generator<ImportItem> {
  const { id, prompt, response, sent_at: sentAt, workspace, username, attachments, rating } = row;
  const question = textIn(prompt);
  if (question === undefined) throw new RatchetError('InvalidInput', 'The row has no "prompt".');
  if (listIn(attachments).length > 0) {
    yield { kind: 'left-out', at, reason: 'not text', detail: 'It has pictures.' };
    return;
  }
  const chatId = typeof id === 'number' ? String(id) : (textIn(id) ?? null);
  yield exchangeOf(
    {
      at,
      model: null,
      messages: [{ role: 'user', content: question }],
      answer: textIn(response) ?? '',
      scope: scopeOf(workspace, chatId ?? at),
      createdAt: timeIn(sentAt),
      origin: {
        format: 'anythingllm',
        chat_id: chatId,
        workspace: textIn(workspace) ?? null,
        username: textIn(username) ?? null,
      },
    },
    feedbackOf(rating, chatId),
  );
}

/** Chats of a workspace share nothing but the workspace: each is a conversation of its own. */
function scopeOf(workspace: Json | undefined, chat: string): string {
  return `${textIn(workspace) ?? ''} ${chat}`.trim();
}

function feedbackOf(rating: Json | undefined, chatId: string | null): ImportedFeedback[] {
  const thumb = rating === 'GOOD' ? 1 : rating === 'BAD' ? -1 : null;
  if (thumb === null) return [];
  return [{ rating: thumb, ...(chatId !== null && { id: `${chatId.slice(0, 200)} ${thumb}` }) }];
}

/** A line of the jsonl: all that was said in a workspace, under its system prompt. */
function readWorkspace({ messages }: JsonObject, at: string): ImportItem[] {
  if (!Array.isArray(messages)) throw new RatchetError('InvalidInput', 'The line has no "messages".');
  const system: WireMessage[] = messages.flatMap((message) => (roleOf(message) === 'system' ? [plain(message)] : []));
  const questions = [...messages.entries()].filter(([, message]) => roleOf(message) === 'user');
  if (questions.length === 0) return [{ kind: 'left-out', at, reason: 'no messages' }];
  return questions.map(([index, question]) => {
    const where = `${at}, message ${index + 1}`;
    const answer = messages[index + 1];
    if (hasPicture(question)) return { kind: 'left-out', at: where, reason: 'not text', detail: 'It has pictures.' };
    if (textOf(objectIn(question).content).trim() === '') return { kind: 'left-out', at: where, reason: 'no messages' };
    const spoken = {
      at: where,
      model: null,
      scope: null,
      createdAt: null,
      origin: { format: 'anythingllm' },
    };
    const said = roleOf(answer) === 'assistant' ? textOf(objectIn(answer).content) : '';
    return exchangeOf({ ...spoken, messages: [...system, plain(question)], answer: said }, []);
  });
}

function roleOf(message: Json | undefined): string | undefined {
  return textIn(objectIn(message).role);
}

function plain(message: Json): WireMessage {
  return { role: roleOf(message) ?? 'user', content: textOf(objectIn(message).content) };
}

function hasPicture(message: Json): boolean {
  return listIn(objectIn(message).content).some((part) => textIn(objectIn(part).type)?.startsWith('image'));
}
