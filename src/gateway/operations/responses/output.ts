import { type Json, type JsonObject, isObject } from '../../../core/canonical.ts';
import { textOf } from '../../../core/message.ts';
import { carriedOf, packReasoning, reasoningId, reasoningOf } from './reasoning.ts';

/** How the items of one answer are written. */
export interface ItemStyle {
  /** The completion's id, which all ids of items are made of. */
  id: string;
  /** Reasoning is shown as a summary, because one was asked for. */
  summarise: boolean;
  /** Reasoning items carry what the next call needs of them. */
  packed: boolean;
}

export interface FunctionCall {
  callId: string;
  name: string;
  args: string;
}

/** How an answer's request wants its items. */
export function styleOf({ reasoning, include }: JsonObject, id: string): ItemStyle {
  const summary = isObject(reasoning) ? (reasoning.summary ?? reasoning.generate_summary ?? null) : null;
  const packed = Array.isArray(include) && include.includes('reasoning.encrypted_content');
  return { id, summarise: summary !== null, packed };
}

/** The output items that an assistant's message stands for: what it thought, what it said, what it calls. */
export function outputOf(message: JsonObject, logprobs: readonly Json[], style: ItemStyle): JsonObject[] {
  const items: JsonObject[] = [];
  const thinks = reasoningItem(message, reasoningOf(message)?.text ?? '', style);
  if (thinks) items.push(thinks);
  const parts = partsOf(message, logprobs);
  const calls = callsOf(message, style.id);
  // An answer that says nothing at all is still a message.
  if (parts.length === 0 && calls.length === 0 && items.length === 0) parts.push(textPart('', [], logprobs));
  if (parts.length > 0) items.push(messageItem(style.id, items.length, parts, 'completed'));
  for (const call of calls) items.push(callItem(style.id, items.length, call, 'completed'));
  return items;
}

export function reasoningItem(
  message: JsonObject,
  text: string,
  { id, summarise, packed }: ItemStyle,
): JsonObject | null {
  const fields = packed ? carriedOf(message) : null;
  if (text === '' && fields === null) return null;
  const part = { type: summarise ? 'summary_text' : 'reasoning_text', text };
  const parts = text === '' ? [] : [part];
  return {
    id: reasoningId(id, message),
    type: 'reasoning',
    summary: summarise ? parts : [],
    ...(!summarise && parts.length > 0 && { content: parts }),
    ...(fields !== null && { encrypted_content: packReasoning(fields) }),
  };
}

export function messageItem(id: string, at: number, content: JsonObject[], status: string): JsonObject {
  return { id: `msg_${id}_${at}`, type: 'message', status, role: 'assistant', content };
}

export function callItem(id: string, at: number, { callId, name, args }: FunctionCall, status: string): JsonObject {
  return { id: `fc_${id}_${at}`, type: 'function_call', status, call_id: callId, name, arguments: args };
}

export function textPart(text: string, annotations: readonly Json[], logprobs: readonly Json[]): JsonObject {
  return { type: 'output_text', annotations: annotations.map(flatAnnotation), logprobs: [...logprobs], text };
}

/** The calls of a message, those in the old form of one `function_call` too. */
export function callsOf(message: JsonObject, id: string): FunctionCall[] {
  const { tool_calls: calls, function_call: old } = message;
  const listed = Array.isArray(calls) ? calls.filter(isObject) : isObject(old) ? [{ function: old }] : [];
  return listed.map((call: JsonObject, at) => {
    const called = isObject(call.function) ? call.function : {};
    return {
      callId: typeof call.id === 'string' && call.id !== '' ? call.id : `call_${id}_${at}`,
      name: typeof called.name === 'string' ? called.name : '',
      args: argumentsOf(called.arguments),
    };
  });
}

/** A chat's citation `{type, url_citation: {…}}` as `{type, …}`. */
export function flatAnnotation(annotation: Json): Json {
  if (!isObject(annotation) || typeof annotation.type !== 'string') return annotation;
  const { [annotation.type]: inner, ...rest } = annotation;
  return isObject(inner) ? { ...rest, ...inner } : annotation;
}

/** The log probabilities of a choice's text. */
export function logprobsOf({ logprobs }: JsonObject): Json[] {
  return isObject(logprobs) && Array.isArray(logprobs.content) ? logprobs.content : [];
}

function partsOf(message: JsonObject, logprobs: readonly Json[]): JsonObject[] {
  const text = textOf(message.content);
  const { refusal, annotations } = message;
  return [
    ...(text === '' ? [] : [textPart(text, Array.isArray(annotations) ? annotations : [], logprobs)]),
    ...(typeof refusal === 'string' && refusal !== '' ? [{ type: 'refusal', refusal }] : []),
  ];
}

function argumentsOf(args: Json | undefined): string {
  if (typeof args === 'string') return args;
  return args === undefined || args === null ? '' : JSON.stringify(args);
}
