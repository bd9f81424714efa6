import { type Json, canonicalJson, isObject } from '../../core/canonical.ts';
import { type WireMessage, splitMessage } from '../../core/message.ts';

/** A message as it is compared with what was said before. */
export interface NormalMessage {
  /** Canonical JSON of the normal form. */
  text: string;
  /** Bytes of UTF-8 in what was said, called and shown: how much there is to tell it by. */
  weight: number;
}

/**
 * What two messages must share to count as the same when a client sends its history again: white space collapsed,
 * and without reasoning, the way in which content is written, and fields of others.
 */
export function normalise(message: WireMessage): NormalMessage {
  const { role, parts, name, tool_calls, tool_call_id } = splitMessage(message, null).canonical;
  const content = parts.map(normalPart).filter((part) => part !== null);
  const text = collapse(withoutThinking(content.filter((part) => typeof part === 'string').join(' '), role));
  const media = content.filter((part) => typeof part !== 'string');
  const calls = (tool_calls ?? []).map(normalCall);
  return {
    text: canonicalJson({ media, name, role, text, tool_call_id, tool_calls: calls }),
    weight: Buffer.byteLength(text) + [...media, ...calls].reduce<number>((sum, part) => sum + sizeOf(part), 0),
  };
}

function normalPart(part: Json): Json {
  if (!isObject(part)) return part;
  if (typeof part.text === 'string' && (part.type === 'text' || part.type === undefined)) return part.text;
  if (typeof part.type === 'string' && /^(redacted_)?(thinking|reasoning)$/.test(part.type)) return null;
  return part;
}

function normalCall(call: Json): Json {
  if (!isObject(call) || !isObject(call.function)) return call;
  const { name, arguments: given } = call.function;
  return { id: call.id ?? null, name: name ?? null, arguments: normalArguments(given ?? null) };
}

function normalArguments(given: Json): Json {
  if (typeof given !== 'string') return given;
  try {
    return JSON.parse(given) as Json;
  } catch {
    return collapse(given);
  }
}

function withoutThinking(text: string, role: string): string {
  return role === 'assistant' ? text.replace(/^\s*<think>[\s\S]*?<\/think>/, '') : text;
}

/** Most texts have single spaces only: replacing these by themselves would make more garbage than all else of a chat. */
function collapse(text: string): string {
  return (/[^\S ]|  /.test(text) ? text.replace(/\s+/g, ' ') : text).trim();
}

function sizeOf(part: Json): number {
  return JSON.stringify(part).length;
}
