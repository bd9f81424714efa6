import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { RatchetError } from '../../core/errors.ts';
import { type WireMessage, textOf } from '../../core/message.ts';

const roles = new Set(['system', 'developer', 'user', 'assistant', 'tool', 'function']);

/** Messages of a training file. Tables fill what a message lacks with null, which is taken away. InvalidInput with the place. */
export function messagesIn(value: unknown, name: string): WireMessage[] {
  if (!Array.isArray(value)) throw fault(`"${name}" must be a list of messages`);
  return value.map((message, at) => messageIn(message, `${name}[${at}]`));
}

/** A list of messages, one message, or the text of one by this role. */
export function spokenIn(value: unknown, role: string, name: string): WireMessage[] {
  if (typeof value === 'string') return [{ role, content: value }];
  return messagesIn(isObject(value) ? [{ role, ...value }] : value, name);
}

function messageIn(value: unknown, name: string): WireMessage {
  if (!isObject(value)) throw fault(`"${name}" must be a message, an object`);
  const { role, content } = value;
  if (typeof role !== 'string' || !roles.has(role))
    throw fault(`"${name}.role" must be one of ${[...roles].join(', ')}`);
  const hasContent = typeof content === 'string' || content === null || content === undefined || isParts(content);
  if (!hasContent) throw fault(`"${name}.content" must be a text or a list of parts`);
  const kept = Object.entries(value).filter(([key, field]) => field !== null || key === 'content');
  return { ...Object.fromEntries(kept), role };
}

function isParts(content: Json): boolean {
  return Array.isArray(content) && content.every((part) => isObject(part) && typeof part.type === 'string');
}

/** Whether a message says anything: text, a call of a tool, a refusal. */
export function saysAnything({ content, tool_calls: calls, function_call: call, refusal }: WireMessage): boolean {
  if (textOf(content).trim() !== '') return true;
  return (
    (Array.isArray(calls) && calls.length > 0) || isObject(call) || (typeof refusal === 'string' && refusal !== '')
  );
}

/** Tools as a request has them. Some files hold the list as JSON text, and functions without their frame. */
export function toolsIn(value: unknown): { tools?: JsonObject[] } {
  const list = typeof value === 'string' ? parse(value) : value;
  if (!Array.isArray(list)) return {};
  const tools = list
    .filter(isObject)
    .map((tool) => (isObject(tool.function) ? tool : { type: 'function', function: tool }));
  return tools.length > 0 ? { tools } : {};
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function fault(what: string): RatchetError {
  return new RatchetError('InvalidInput', `${what}.`);
}
