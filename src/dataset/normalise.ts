import { hash } from 'node:crypto';
import { type Json, canonicalJson } from '../core/canonical.ts';
import { type WireMessage, textOf } from '../core/message.ts';

/** A text as duplicates are compared: Unicode NFC, every run of white space one space, none at the ends. */
export function normaliseText(text: string): string {
  return text.normalize('NFC').replace(/\s+/gu, ' ').trim();
}

/** Names a prompt: equal for prompts that differ only in white space and Unicode form. */
export function promptKey(messages: readonly WireMessage[], tools: readonly Json[] | undefined): string {
  return nameOf({ messages: messages.map(comparable), tools: tools ?? [] });
}

/** Names an answer in the same way. */
export function answerKey(message: WireMessage): string {
  return nameOf(comparable(message));
}

/** Names what letters and digits an answer has: equal for answers that differ only in case, punctuation and layout. */
export function bareKey(message: WireMessage): string {
  const text = textOf(message.content).normalize('NFKC').toLowerCase();
  return nameOf([text.replaceAll(/[^\p{L}\p{N}]+/gu, ' ').trim(), message.tool_calls]);
}

/** 128 bits of SHA-256. */
function nameOf(value: unknown): string {
  return hash('sha256', canonicalJson(value), 'base64url').slice(0, 22);
}

function comparable(message: WireMessage): Record<string, unknown> {
  return {
    name: message.name,
    role: message.role,
    text: normaliseText(textOf(message.content)),
    tool_call_id: message.tool_call_id,
    tool_calls: message.tool_calls,
  };
}
