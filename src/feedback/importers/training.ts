import { createHash } from 'node:crypto';
import { type JsonObject, canonicalJson } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import { saysAnything } from './training-messages.ts';
import type { ImportItem, ImportedExchange, ImportedFeedback } from './types.ts';

const longestModel = 300;

/** What rows of training files have in common. */
export interface TrainingRow {
  at: string;
  format: string;
  /** Fields of the request beside the messages, as tools. */
  request?: JsonObject;
  /** Who answered, where the row names somebody. */
  model?: unknown;
}

/**
 * A conversation that is to be learned: each of its answers is an exchange of its own, with all before it as the request. An answer
 * with `"weight": 0` is not to be learned, and only stands before the others. The ratings are what the format means by holding
 * it: 1 for an approved answer.
 */
export function taughtItems(
  row: TrainingRow,
  messages: readonly WireMessage[],
  feedback: ImportedFeedback,
): ImportItem[] {
  const said = messages.map(({ weight: _weight, ...message }): WireMessage => ({ ...message, role: message.role }));
  const items = messages.flatMap((message, at) => {
    const answer = said[at];
    if (!answer || at === 0 || message.role !== 'assistant' || message.weight === 0 || !saysAnything(answer)) return [];
    return [exchangeItem(row, said.slice(0, at), answer, feedback)];
  });
  if (items.length > 0) return items;
  const reason = messages.some(({ role }) => role !== 'assistant') ? 'no answer' : 'no messages';
  return [{ kind: 'left-out', at: row.at, reason }];
}

/** One answer to messages, with what is thought of it. */
export function answeredItem(
  row: TrainingRow,
  messages: readonly WireMessage[],
  answer: WireMessage,
  feedback?: ImportedFeedback,
): ImportItem {
  if (messages.length === 0) return { kind: 'left-out', at: row.at, reason: 'no messages' };
  if (!saysAnything(answer)) return { kind: 'left-out', at: row.at, reason: 'no answer' };
  return exchangeItem(row, messages, answer, feedback);
}

/** Two answers to the same messages, of which the first is the better one. */
export function preferenceItems(
  row: TrainingRow,
  messages: readonly WireMessage[],
  [chosen, rejected]: readonly [WireMessage, WireMessage],
): ImportItem[] {
  if (messages.length === 0) return [{ kind: 'left-out', at: row.at, reason: 'no messages' }];
  if (!saysAnything(chosen) || !saysAnything(rejected)) return [{ kind: 'left-out', at: row.at, reason: 'no answer' }];
  const [one, other] = [canonicalJson(chosen), canonicalJson(rejected)];
  if (one === other)
    return [{ kind: 'left-out', at: row.at, reason: 'no preference', detail: 'Both answers are the same.' }];
  // Rows of one prompt may share the name that their file gives them, so a row is known by what it says.
  const id = createHash('sha256')
    .update(canonicalJson({ messages, one, other, request: row.request ?? {} }))
    .digest('hex');
  const set = `${row.format} ${id.slice(0, 32)}`;
  return [
    { ...exchangeItem(row, messages, chosen), siblings: { set, best: true } },
    { ...exchangeItem(row, messages, rejected), siblings: { set, best: false } },
  ];
}

function exchangeItem(
  { at, format, request, model: named }: TrainingRow,
  messages: readonly WireMessage[],
  answer: WireMessage,
  feedback?: ImportedFeedback,
): ImportedExchange {
  const model = typeof named === 'string' && named.trim() !== '' ? named.trim().slice(0, longestModel) : 'unknown';
  const chat: ImportedExchange['chat'] = {
    model,
    envelope: { ...request, model },
    messages: [...messages],
    scope: null,
    choices: [
      { index: 0, message: answer, finishReason: Array.isArray(answer.tool_calls) ? 'tool_calls' : 'stop', extra: {} },
    ],
    response: { object: 'chat.completion', model },
    promptTokens: null,
    completionTokens: null,
    createdAt: null,
    origin: { format },
  };
  return { kind: 'exchange', at, chat, feedback: feedback ? [feedback] : [] };
}
