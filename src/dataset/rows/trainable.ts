import { type JsonObject, isObject } from '../../core/canonical.ts';
import { type WireMessage, textOf } from '../../core/message.ts';
import type { CompletionRecord } from '../../store/types.ts';

const kept = ['role', 'content', 'name', 'tool_calls', 'tool_call_id'] as const;

/**
 * The message as a chat template takes it: text content as one string, no reasoning, no nulls, no fields of a vendor;
 * `developer` is what newer OpenAI models call `system`. Null when it holds more than text.
 */
export function trainable(message: WireMessage): WireMessage | null {
  if (isPlain(message)) return message;
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

/** Whether it is a role and a text alone, as most are. */
function isPlain(message: WireMessage): boolean {
  if (typeof message.content !== 'string' || message.role === 'developer') return false;
  for (const field in message) if (field !== 'role' && field !== 'content') return false;
  return true;
}

/** Tools as a chat template takes them: in the request of a Response a function's fields stand beside its type. */
export function toolsOf({ kind, envelope }: Pick<CompletionRecord, 'kind' | 'envelope'>): JsonObject[] {
  const tools = Array.isArray(envelope.tools) ? envelope.tools.filter(isObject) : [];
  if (kind !== 'responses') return tools;
  return tools.map(({ type = 'function', ...fields }) => ({ type, function: fields }));
}
