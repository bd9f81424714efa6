import type { JsonObject } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import type { ImportedExchange, ImportedFeedback, LeftOut } from './types.ts';

/** The longest name of a model. */
const longestModel = 300;

export interface Spoken {
  at: string;
  model: string | null;
  messages: WireMessage[];
  answer: string;
  /** What the model thought before it answered. */
  reasoning?: string | undefined;
  /** Tells apart whose turns belong together. */
  scope: string | null;
  createdAt: number | null;
  tokens?: { prompt: number | null; completion: number | null };
  origin: JsonObject & { format: string };
}

/** An exchange of plain text, or why it is none. */
export function exchangeOf(spoken: Spoken, feedback: ImportedFeedback[]): ImportedExchange | LeftOut {
  const { at, messages, answer, reasoning, scope, createdAt, tokens, origin } = spoken;
  if (answer.trim() === '') return { kind: 'left-out', at, reason: 'no answer' };
  if (!messages.some(({ role }) => role === 'user')) return { kind: 'left-out', at, reason: 'no messages' };
  const model = spoken.model?.trim().slice(0, longestModel) || 'unknown';
  const message: WireMessage = { role: 'assistant', content: answer };
  if (reasoning) message.reasoning_content = reasoning;
  const chat: ImportedExchange['chat'] = {
    model,
    envelope: { model },
    messages,
    scope,
    choices: [{ index: 0, message, finishReason: 'stop', extra: {} }],
    response: { object: 'chat.completion', model },
    promptTokens: tokens?.prompt ?? null,
    completionTokens: tokens?.completion ?? null,
    createdAt,
    origin,
  };
  return { kind: 'exchange', at, chat, feedback };
}
