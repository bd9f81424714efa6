import { type Json, type JsonObject, isObject } from '../../../core/canonical.ts';

/** Fields in which providers of chats think aloud; the first two are texts, the others carry signatures too. */
const carried = ['reasoning_content', 'reasoning', 'reasoning_details', 'thinking_blocks'] as const;
const textFields = ['reasoning_content', 'reasoning'] as const;
const seal = 'ratchet.1.';

export interface Reasoning {
  field: (typeof textFields)[number];
  text: string;
}

/** What a message thinks aloud, as text, and under which name; null when it does not. */
export function reasoningOf(message: JsonObject): Reasoning | null {
  for (const field of textFields) {
    const text = message[field];
    if (typeof text === 'string' && text !== '') return { field, text };
  }
  return null;
}

/** The fields of a message that say how it came to what it says; null when there are none. */
export function carriedOf(message: JsonObject): JsonObject | null {
  const found = carried.flatMap((field): [string, Json][] => {
    const value = message[field];
    const isEmpty =
      value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
    return isEmpty ? [] : [[field, value]];
  });
  return found.length === 0 ? null : Object.fromEntries(found);
}

/** `encrypted_content`: what a client that keeps nothing else carries to the next call. It is packed, not secret. */
export function packReasoning(fields: JsonObject): string {
  return seal + Buffer.from(JSON.stringify(fields)).toString('base64');
}

/**
 * The fields of an assistant's message that a reasoning item stands for: exactly those that the provider sent where they
 * were packed, else its text under the name that the item's id tells. A summary is for people and is not sent back.
 */
export function unpackReasoning(item: JsonObject): JsonObject {
  const packed = unpacked(item.encrypted_content);
  if (packed) return packed;
  const parts = Array.isArray(item.content) ? item.content : [];
  const text = parts.map((part) => (isObject(part) && typeof part.text === 'string' ? part.text : '')).join('');
  return text === '' ? {} : { [fieldOf(item.id)]: text };
}

/** The id of a reasoning item. It ends in the name under which the provider sent it, to be sent back under the same. */
export function reasoningId(stem: string, message: JsonObject): string {
  return `rs_${stem}_${reasoningOf(message)?.field ?? 'reasoning_content'}`;
}

function fieldOf(id: Json | undefined): Reasoning['field'] {
  return typeof id === 'string' && id.endsWith('_reasoning') ? 'reasoning' : 'reasoning_content';
}

function unpacked(sealed: Json | undefined): JsonObject | null {
  if (typeof sealed !== 'string' || !sealed.startsWith(seal)) return null;
  try {
    const fields: unknown = JSON.parse(Buffer.from(sealed.slice(seal.length), 'base64').toString('utf8'));
    return isObject(fields) ? carriedOf(fields) : null;
  } catch {
    return null;
  }
}
