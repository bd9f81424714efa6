import { type JsonObject, isObject } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import type { PromptStore } from '../../store/prompt-types.ts';
import { chatOperation } from '../operations/chat.ts';
import type { Call, Operation, Recall } from '../ports.ts';
import { readCacheField } from './cache-field.ts';
import { fit, historyOf, readConversationField } from './conversation-field.ts';
import { promptMessages, readPromptField } from './prompt-field.ts';
import { type Summaries, createSummaries } from './summary.ts';

export interface ExtendedDeps {
  prompts: Pick<PromptStore, 'get'>;
  /** The context of a model in tokens, as far as it is known. Synchronous. */
  contextOf: (model: string) => number | null;
}

/**
 * Chat completions with three fields more: `prompt` puts the messages of a template before those of the request,
 * `conversation` what was said before, and `cache` lets an answer to the same request be given again. A request without them passes as it came.
 *
 * The record has the messages that the model got, and these fields as they were resolved.
 */
export function createExtendedChat({ prompts, contextOf }: ExtendedDeps): Operation {
  const summaries = createSummaries();
  return {
    ...chatOperation,
    recall(sent, text, recall) {
      if (!isObject(sent) || !isExtended(sent)) return chatOperation.read(sent, text);
      return extend(sent, { prompts, contextOf, summaries, recall: recall() });
    },
  };
}

interface Extending extends ExtendedDeps {
  summaries: Summaries;
  recall: Recall;
}

function isExtended({ prompt, conversation, cache }: JsonObject): boolean {
  return [prompt, conversation, cache].some((field) => field !== undefined && field !== null);
}

async function extend(sent: JsonObject, parts: Extending): Promise<Call> {
  const { prompt: _prompt, conversation: _conversation, cache: _cache, ...fields } = sent;
  const cacheSeconds = readCacheField(sent);
  const given = readMessages(fields);
  const named = readPromptField(sent);
  const template = named && (await promptMessages(parts.prompts, named));
  const messages = [...(template?.messages ?? []), ...given];
  const remembered = await remember(sent, messages, parts);
  const asked = { ...fields, messages: remembered.messages };
  const call = chatOperation.read(asked, JSON.stringify(asked));
  return {
    ...call,
    ...(remembered.id !== null && { conversationId: remembered.id }),
    ...(cacheSeconds !== null && { cacheSeconds }),
    envelope: {
      ...call.envelope,
      ...(template && { prompt: template.field }),
      ...(remembered.field && { conversation: remembered.field }),
      ...(cacheSeconds !== null && { cache: { max_age: cacheSeconds } }),
    },
  };
}

/** The request's own messages, of which there may be none; what is no message is refused as in every chat. */
function readMessages(fields: JsonObject): WireMessage[] {
  const { messages = [] } = fields;
  return Array.isArray(messages) && messages.length === 0
    ? []
    : chatOperation.read({ ...fields, messages }, '').messages;
}

interface Remembered {
  id: string | null;
  messages: WireMessage[];
  /** What the record says of it. */
  field: JsonObject | null;
}

async function remember(sent: JsonObject, added: WireMessage[], parts: Extending): Promise<Remembered> {
  const field = readConversationField(sent);
  if (!field) return { id: null, messages: added, field: null };
  const model = typeof sent.model === 'string' ? sent.model : '';
  const whole = [...(await historyOf(field, parts.recall)), ...added];
  const { kept, left } = fit(whole, field, { context: parts.contextOf(model), body: sent });
  const summarised = field.memory === 'summary' && left.length > 0;
  const messages = summarised ? await withSummary(kept, left, model, parts) : kept;
  const { id, memory } = field;
  return { id, messages, field: { id, memory, left_out: left.length } };
}

/** The summary stands where what it is of stood: after the instructions. */
async function withSummary(
  kept: readonly WireMessage[],
  left: readonly WireMessage[],
  model: string,
  { summaries, recall }: Extending,
): Promise<WireMessage[]> {
  const summary = await summaries.of(model, left, (name, messages) => recall.ask(name, messages));
  const first = kept.findIndex(({ role }) => role !== 'system' && role !== 'developer');
  const at = first === -1 ? kept.length : first;
  return [...kept.slice(0, at), summary, ...kept.slice(at)];
}
