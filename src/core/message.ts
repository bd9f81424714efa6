import { type Json, type JsonObject, canonicalJson, isObject } from './canonical.ts';

/** A chat message as it travels on `/v1`: the OpenAI shape, with whatever else the client or provider put in. */
export type WireMessage = JsonObject & { role: string };

/** What is hashed of a message. `parent` is the id of the message before it, null for the first of a conversation. */
export interface CanonicalMessage {
  parent: string | null;
  role: string;
  parts: Json[];
  name: string | null;
  tool_calls: Json[] | null;
  tool_call_id: string | null;
}

/**
 * What the canonical form does not keep, so that the wire message can be rebuilt deep-equal: how `content` was written
 * and every other field (reasoning, nulls, unknown ones). Empty members are left out.
 */
export interface MessageOverlay {
  /** `s` string, `p` parts, `n` null, `x` anything else (kept in `extra`), absent: the field was not there. */
  content?: 's' | 'p' | 'n' | 'x';
  extra?: JsonObject;
}

const hashedFields = ['name', 'tool_calls', 'tool_call_id'] as const;

/** Splits a wire message into what is hashed and what is only stored. */
export function splitMessage(
  wire: WireMessage,
  parent: string | null,
): { canonical: CanonicalMessage; overlay: MessageOverlay } {
  // In the order of canonical JSON, which need not sort them then.
  const canonical: CanonicalMessage = {
    name: typeof wire.name === 'string' ? wire.name : null,
    parent,
    parts: partsOf(wire.content),
    role: wire.role,
    tool_call_id: typeof wire.tool_call_id === 'string' ? wire.tool_call_id : null,
    tool_calls: Array.isArray(wire.tool_calls) ? wire.tool_calls : null,
  };
  const overlay: MessageOverlay = {};
  const form = contentForm(wire);
  if (form) overlay.content = form;
  const unhashed = Object.keys(wire).filter((key) => {
    if (key === 'role' || key === 'content') return false;
    return !hashedFields.some((field) => field === key && canonical[field] !== null);
  });
  if (unhashed.length === 0 && form !== 'x') return { canonical, overlay };
  // Entries, not assignments: a field may be named "__proto__".
  const extra: JsonObject = Object.fromEntries(unhashed.map((key) => [key, wire[key] as Json]));
  if (form === 'x') extra.content = wire.content as Json;
  overlay.extra = extra;
  return { canonical, overlay };
}

/** The inverse of {@link splitMessage}. */
export function joinMessage(canonical: CanonicalMessage, overlay: MessageOverlay): WireMessage {
  const wire: WireMessage = { role: canonical.role };
  if (overlay.content === 's') wire.content = textOf(canonical.parts);
  if (overlay.content === 'p') wire.content = canonical.parts;
  if (overlay.content === 'n') wire.content = null;
  if (canonical.name !== null) wire.name = canonical.name;
  if (canonical.tool_calls !== null) wire.tool_calls = canonical.tool_calls;
  if (canonical.tool_call_id !== null) wire.tool_call_id = canonical.tool_call_id;
  return { ...wire, ...overlay.extra };
}

/** The text whose keyed hash is the message's id. */
export function hashInput(canonical: CanonicalMessage): string {
  return canonicalJson(canonical);
}

/** All the text of a message's content, whichever way it was written. */
export function textOf(content: Json | undefined): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (isObject(part) && typeof part.text === 'string' ? part.text : '')).join('');
}

function contentForm(wire: WireMessage): MessageOverlay['content'] {
  if (!('content' in wire)) return undefined;
  if (typeof wire.content === 'string') return 's';
  if (Array.isArray(wire.content)) return 'p';
  return wire.content === null ? 'n' : 'x';
}

function partsOf(content: Json | undefined): Json[] {
  if (typeof content === 'string') return content === '' ? [] : [{ text: content, type: 'text' }];
  return Array.isArray(content) ? content : [];
}
