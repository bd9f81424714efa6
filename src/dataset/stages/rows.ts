import { type JsonObject, isObject } from '../../core/canonical.ts';
import type { DatasetRow } from '../../core/dataset.ts';
import { type WireMessage, textOf } from '../../core/message.ts';
import type { CompletionRecord, FeedbackRecord, Store } from '../../store/types.ts';
import type { CollectedExample } from '../collect.ts';
import { answerKey, promptKey } from '../normalise.ts';
import type { Candidate, Drop, Stage } from '../stage.ts';

const kept = ['role', 'content', 'name', 'tool_calls', 'tool_call_id'] as const;

/**
 * Turns collected examples into rows: the messages up to the answer, then the answer, of which only the last message is
 * learned. Earlier answers of the conversation are context; those that were approved have a row of their own.
 */
export function createRowsStage(store: Pick<Store, 'chats' | 'feedback'>): Stage<CollectedExample, Candidate> {
  return async function* rows(examples, drop) {
    for await (const example of examples) {
      const completion = await store.chats.get(example.completion);
      const feedback = await store.feedback.ofCompletions([example.completion]);
      const used = feedback.filter(({ id }) => example.feedback.includes(id));
      const candidate = completion ? toCandidate(example, completion, used, drop) : erased(drop);
      if (candidate) yield candidate;
    }
  };
}

function erased(drop: Drop): null {
  drop('erased_since_collected');
  return null;
}

function toCandidate(
  example: CollectedExample,
  completion: CompletionRecord,
  feedback: readonly FeedbackRecord[],
  drop: Drop,
): Candidate | null {
  const answer = learnedAnswer(example, completion, feedback);
  if (!answer) return erased(drop);
  const messages = [...completion.messages, answer].map(trainable);
  const fault = faultOf(messages, completion);
  if (fault !== null) {
    drop(fault);
    return null;
  }
  const row = toRow(
    example,
    completion,
    messages.filter((message) => message !== null),
  );
  const prompt = row.messages.slice(0, -1);
  return {
    row,
    at: Math.max(completion.createdAt, ...feedback.map(({ createdAt }) => createdAt)),
    promptKey: promptKey(prompt, row.tools),
    answerKey: answerKey(row.messages.at(-1) as WireMessage),
  };
}

function learnedAnswer(
  { choice, signal }: CollectedExample,
  completion: CompletionRecord,
  feedback: readonly FeedbackRecord[],
): WireMessage | undefined {
  if (signal === 'corrected') return feedback.find(({ correction }) => correction !== undefined)?.correction;
  if (feedback.length === 0) return undefined;
  return completion.choices.find(({ index }) => index === choice)?.message;
}

function toRow(example: CollectedExample, completion: CompletionRecord, messages: WireMessage[]): DatasetRow {
  const tools = toolsOf(completion);
  const corrected = example.signal === 'corrected';
  return {
    id: `${example.completion}.${example.choice}`,
    messages,
    ...(tools.length > 0 && { tools }),
    learn: [messages.length - 1],
    meta: {
      completion: example.completion,
      choice: example.choice,
      signal: example.signal,
      author: corrected ? 'person' : `${completion.provider}/${completion.model}`,
      node: completion.node ?? '',
    },
  };
}

/** Tools as a chat template takes them: in the request of a Response a function's fields stand beside its type. */
function toolsOf({ kind, envelope }: CompletionRecord): JsonObject[] {
  const tools = Array.isArray(envelope.tools) ? envelope.tools.filter(isObject) : [];
  if (kind !== 'responses') return tools;
  return tools.map(({ type = 'function', ...fields }) => ({ type, function: fields }));
}

/**
 * The message as a chat template takes it: text content as one string, no reasoning, no nulls, no fields of a vendor;
 * `developer` is what newer OpenAI models call `system`. Null when it holds more than text.
 */
export function trainable(message: WireMessage): WireMessage | null {
  const { content } = message;
  if (Array.isArray(content) && !content.every((part) => isObject(part) && part.type === 'text')) return null;
  const clean: JsonObject = {};
  for (const field of kept) {
    const value = message[field];
    if (value !== undefined && value !== null) clean[field] = value;
  }
  const role = message.role === 'developer' ? 'system' : message.role;
  return { ...clean, role, content: textOf(content) };
}

function faultOf(messages: readonly (WireMessage | null)[], completion: CompletionRecord): string | null {
  if (messages.includes(null)) return 'not_text';
  if (completion.node === null) return 'no_user_message';
  const answer = messages.at(-1);
  if (answer?.role !== 'assistant') return 'answer_not_from_assistant';
  const hasCalls = Array.isArray(answer.tool_calls) && answer.tool_calls.length > 0;
  return textOf(answer.content).trim() === '' && !hasCalls ? 'empty_answer' : null;
}
