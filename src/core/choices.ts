import { type Json, type JsonObject, isObject } from './canonical.ts';
import type { WireMessage } from './message.ts';

/** One of the answers that a model gave to one request. */
export interface Choice {
  index: number;
  message: WireMessage;
  finishReason: string | null;
  /** Every other field, as got. */
  extra: JsonObject;
}

/** The choices of an answer that came whole; null when it has none that can be read. */
export function choicesOf(answer: JsonObject): Choice[] | null {
  if (!Array.isArray(answer.choices)) return null;
  const choices = answer.choices.map((choice, position) => {
    if (!isObject(choice) || !isObject(choice.message)) return null;
    const { index, message, finish_reason: finish, ...extra } = choice;
    return {
      index: indexOf(index, position),
      message: withRole(message),
      finishReason: typeof finish === 'string' ? finish : null,
      extra,
    };
  });
  return choices.every((choice) => choice !== null) ? choices : null;
}

/** The index that a choice names, else its position. */
export function indexOf(index: Json | undefined, position: number): number {
  return typeof index === 'number' && Number.isSafeInteger(index) && index >= 0 ? index : position;
}

/** An answer is the assistant's where it names no role. */
export function withRole(message: JsonObject): WireMessage {
  return typeof message.role === 'string' ? (message as WireMessage) : { ...message, role: 'assistant' };
}
