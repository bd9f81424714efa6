import { type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import type { WireMessage } from '../../core/message.ts';
import { invalidField } from '../fields.ts';
import type { Recall } from '../ports.ts';
import { type Cut, cutTo } from './cut.ts';

/** What happens to a history that is longer than the model's context. */
const memories = ['cut', 'summary', 'all'] as const;
type Memory = (typeof memories)[number];

/** The conversation that a request goes on with, so that it need not send what was said. */
export interface ConversationField {
  id: string;
  /** The answer to go on from; the last one unless given. */
  after: string | null;
  memory: Memory;
  /** Bound on the messages that are sent, in tokens; by the model's context unless given. */
  mostTokens: number | null;
}

/** Without a word of the model's context, nothing is left out. */
const unbounded = Number.POSITIVE_INFINITY;
/** Room for the answer, where the request sets no limit for it. */
const answerTokens = 1_024;

/** Reads `conversation`: an id, or `{"id", "after"?, "memory"?, "max_tokens"?}`; null when there is none. */
export function readConversationField({ conversation }: JsonObject): ConversationField | null {
  if (conversation === undefined || conversation === null) return null;
  const field = typeof conversation === 'string' ? { id: conversation } : conversation;
  if (!isObject(field) || typeof field.id !== 'string' || !/^[\w.:-]{1,200}$/.test(field.id)) {
    throw invalidField('conversation', 'the id of a conversation, or an object with one', 'conversation');
  }
  const { id, after = null, memory = 'cut', max_tokens: mostTokens = null } = field;
  if (after !== null && typeof after !== 'string') {
    throw invalidField('conversation.after', 'the id of an answer', 'conversation.after');
  }
  const known = memories.find((one) => one === memory);
  if (!known) throw invalidField('conversation.memory', `one of ${memories.join(', ')}`, 'conversation.memory');
  if (mostTokens !== null && !(typeof mostTokens === 'number' && Number.isSafeInteger(mostTokens) && mostTokens > 0)) {
    throw invalidField('conversation.max_tokens', 'a number of tokens', 'conversation.max_tokens');
  }
  return { id, after, memory: known, mostTokens };
}

/** What was said so far: the messages of the answer that the request goes on from, and that answer. */
export async function historyOf({ id, after }: ConversationField, recall: Recall): Promise<WireMessage[]> {
  const last = after === null ? await recall.latest(id) : await recall.find(after);
  if (!last || last.conversationId !== id) throw notThere(id, after);
  const [choice] = last.choices;
  if (last.record !== 'all' || last.erasedAt !== null || !choice) {
    throw new RatchetError(
      'Conflict',
      `What was said in the conversation "${id}" was not kept: send its messages along.`,
      { details: { param: 'conversation' } },
    );
  }
  return [...last.messages, choice.message];
}

/** What of a history and the new messages goes to the model. */
export function fit(
  messages: readonly WireMessage[],
  { memory, mostTokens }: ConversationField,
  { context, body }: { context: number | null; body: JsonObject },
): Cut {
  if (memory === 'all') return { kept: [...messages], left: [] };
  const limit = [body.max_completion_tokens, body.max_tokens].find((value) => typeof value === 'number');
  const forAnswer = Math.min(limit ?? answerTokens, (context ?? unbounded) / 2);
  return cutTo(messages, mostTokens ?? (context === null ? unbounded : context - forAnswer));
}

function notThere(id: string, after: string | null): RatchetError {
  const what =
    after === null ? `no conversation "${id}" with an answer` : `no answer "${after}" in the conversation "${id}"`;
  return new RatchetError('NotFound', `You have ${what}: GET /api/conversations lists them.`, {
    details: { param: 'conversation' },
  });
}
