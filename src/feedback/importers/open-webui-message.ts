import { type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { WireMessage } from '../../core/message.ts';
import { type Branching, branchBefore } from './branches.ts';
import { type Spoken, exchangeOf } from './exchange.ts';
import { countIn, listIn, objectIn, textIn, timeIn } from './fields.ts';
import type { ImportItem, ImportedFeedback } from './types.ts';

/** A message of a chat's history. */
export interface Message extends Branching {
  role: string;
  body: JsonObject;
}

/** A chat as Open WebUI keeps it. */
export interface Chat {
  id: string;
  /** Its owner. */
  userId: string | undefined;
  system: string | undefined;
  createdAt: number | null;
  messages: ReadonlyMap<string, Message>;
}

/** Reads a chat's record, or a chat without one, as old exports have it. Throws InvalidInput when it has no history. */
export function readChat(record: JsonObject, id?: string): Chat {
  const chat = isObject(record.chat) ? record.chat : record;
  const history = isObject(chat.history) ? chat.history.messages : undefined;
  if (!isObject(history)) throw new RatchetError('InvalidInput', 'The chat has no "history.messages".');
  const messages = Object.entries(history).flatMap(([id, body]): [string, Message][] => {
    if (!isObject(body) || typeof body.role !== 'string') return [];
    return [[id, { id, parent: textIn(body.parentId) ?? null, role: body.role, body }]];
  });
  return {
    id: id ?? textIn(record.id) ?? textIn(chat.id) ?? '',
    userId: textIn(record.user_id),
    system: textIn(objectIn(chat.params).system) ?? textIn(chat.system),
    createdAt: timeIn(record.created_at) ?? timeIn(chat.timestamp),
    messages: new Map(messages),
  };
}

/** The other answers to what this one answers. */
export function siblingsOf({ messages }: Chat, message: Message): Message[] {
  return [...messages.values()].filter(
    ({ id, parent, role }) => parent === message.parent && id !== message.id && role === message.role,
  );
}

/** Which model answered: in the arena the real one, which was hidden from who asked. */
export function modelOf({ body }: Message): string | undefined {
  return textIn(body.selectedModelId) ?? textIn(body.model);
}

/** An answer with what came before it, or why it is none. `model` is for an answer that names none. */
export function answerOf(
  chat: Chat,
  message: Message,
  at: string,
  feedback: ImportedFeedback[],
  model?: string,
): ImportItem {
  const branch = branchBefore(chat.messages, message.id);
  const picture = [...branch, message].find(hasPicture);
  if (picture)
    return { kind: 'left-out', at, reason: 'not text', detail: `message ${picture.id} has a picture`.slice(0, 200) };
  const { body } = message;
  if (body.done === false || isObject(body.error) || body.error === true)
    return { kind: 'left-out', at, reason: 'no answer' };
  const { usage } = body;
  const spoken: Spoken = {
    at,
    model: modelOf(message) ?? model ?? null,
    messages: [...systemOf(chat), ...branch.flatMap(wireOf)],
    ...saidIn(textIn(body.originalContent) ?? body.content),
    scope: chat.id || null,
    createdAt: timeIn(body.timestamp) ?? chat.createdAt,
    tokens: tokensIn(objectIn(usage)),
    origin: { format: 'open-webui', chat_id: chat.id, message_id: message.id },
  };
  return exchangeOf(spoken, feedback);
}

/** The answer as somebody corrected it, where that was done. */
export function correctionOf({ body }: Message): Pick<ImportedFeedback, 'correction'> {
  const original = textIn(body.originalContent);
  const { answer } = saidIn(body.content);
  if (original === undefined || answer.trim() === '' || saidIn(original).answer === answer) return {};
  return { correction: { role: 'assistant', content: answer } };
}

function systemOf({ system }: Chat): WireMessage[] {
  return system === undefined ? [] : [{ role: 'system', content: system }];
}

function wireOf({ role, body }: Message): WireMessage[] {
  const { answer } = saidIn(body.content);
  return answer === '' ? [] : [{ role, content: answer }];
}

function hasPicture({ body }: Message): boolean {
  return listIn(body.files).some((file) => {
    const { type, content_type: contentType } = objectIn(file);
    return type === 'image' || (typeof contentType === 'string' && contentType.startsWith('image/'));
  });
}

const folded = /<details\b[^>]*\btype="(reasoning|code_interpreter|tool_calls)"[^>]*>([\s\S]*?)<\/details>\s*/g;

/** An answer's text has what the page folds away in it: thoughts and calls of tools. Open WebUI itself sends none of it to models. */
function saidIn(content: unknown): Pick<Spoken, 'answer' | 'reasoning'> {
  const text = typeof content === 'string' ? content : '';
  if (!text.includes('<details')) return { answer: text };
  const thoughts = [...text.matchAll(folded)].flatMap(([, type, inner = '']) =>
    type === 'reasoning' ? unquoted(inner) : [],
  );
  const answer = text.replace(folded, '').trim();
  return { answer, ...(thoughts.length > 0 && { reasoning: thoughts.join('\n\n') }) };
}

/** Thoughts stand there as a quotation under a heading, escaped for HTML. */
function unquoted(inner: string): string {
  const text = inner.replace(/<summary>[\s\S]*?<\/summary>/, '').replace(/^> ?/gm, '');
  const letters: Record<string, string> = { lt: '<', gt: '>', quot: '"', '#x27': "'", amp: '&' };
  return text.replace(/&(lt|gt|quot|#x27|amp);/g, (whole, name: string) => letters[name] ?? whole).trim();
}

/** Counts in the names of OpenAI and of Ollama. */
function tokensIn(usage: JsonObject): NonNullable<Spoken['tokens']> {
  return {
    prompt: countIn(usage.prompt_tokens ?? usage.prompt_eval_count),
    completion: countIn(usage.completion_tokens ?? usage.eval_count),
  };
}
