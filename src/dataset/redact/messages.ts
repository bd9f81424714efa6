import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import type { Redacted, Redactor } from './redactor.ts';

/**
 * Redacts the messages of one conversation: their content, as one text or in parts, and the arguments of tool calls, which
 * stay JSON. Roles, names, ids and fields that are unknown stay as they are, and so do schemas of tools, which stand beside.
 */
export function redactMessages(
  messages: readonly WireMessage[],
  redactor: Redactor,
): { messages: WireMessage[]; found: Redacted['found'] } {
  const texts: string[] = [];
  for (const message of messages) mapTexts(message, (text) => texts[texts.push(text) - 1] ?? '');
  const redacted = redactor.redact(texts);
  const queue = redacted.texts.values();
  return {
    messages: messages.map((message) => mapTexts(message, (text) => queue.next().value ?? text)),
    found: redacted.found,
  };
}

type Change = (text: string) => string;

/** The message with its texts changed, always in the same order. */
function mapTexts(message: WireMessage, change: Change): WireMessage {
  const { content, tool_calls: calls } = message;
  return {
    ...message,
    ...(content !== undefined && { content: mapContent(content, change) }),
    ...(Array.isArray(calls) && { tool_calls: calls.map((call) => mapCall(call, change)) }),
  };
}

function mapContent(content: Json, change: Change): Json {
  if (typeof content === 'string') return change(content);
  if (!Array.isArray(content)) return content;
  return content.map((part) =>
    isObject(part) && typeof part.text === 'string' ? { ...part, text: change(part.text) } : part,
  );
}

function mapCall(call: Json, change: Change): Json {
  if (!isObject(call) || !isObject(call.function)) return call;
  return { ...call, function: { ...call.function, ...mapArguments(call.function, change) } };
}

/** Arguments are a text of JSON; some providers and templates have them as an object. */
function mapArguments({ arguments: given }: JsonObject, change: Change): JsonObject {
  if (typeof given === 'string') return { arguments: change(given) };
  if (given === undefined || given === null) return {};
  return { arguments: JSON.parse(change(JSON.stringify(given))) as Json };
}
