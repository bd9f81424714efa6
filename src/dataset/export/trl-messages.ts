import { type JsonObject, isObject } from '../../core/canonical.ts';
import type { WireMessage } from '../../core/message.ts';
import type { Note } from './types.ts';

/**
 * Messages as chat templates take them: the arguments of a tool call are an object, not its text. Arguments that are no
 * object in JSON stay text, which is noted.
 */
export function trlMessages(id: string, messages: readonly WireMessage[], note: Note): WireMessage[] {
  return messages.map((message) => {
    const calls = message.tool_calls;
    if (!Array.isArray(calls)) return message;
    return { ...message, tool_calls: calls.map((call) => (isObject(call) ? withArguments(id, call, note) : call)) };
  });
}

function withArguments(id: string, call: JsonObject, note: Note): JsonObject {
  const { function: called } = call;
  if (!isObject(called) || typeof called.arguments !== 'string') return call;
  const parsed = parse(called.arguments);
  if (isObject(parsed)) return { ...call, function: { ...called, arguments: parsed } };
  note.reduce(id, 'tool_arguments_stay_text');
  return call;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** The member for tools where there are some. */
export function withTools(tools: JsonObject[] | undefined): { tools?: JsonObject[] } {
  return tools && tools.length > 0 ? { tools } : {};
}
