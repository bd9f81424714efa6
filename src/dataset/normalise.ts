import { type Json, canonicalJson } from '../core/canonical.ts';
import { type WireMessage, textOf } from '../core/message.ts';
import { sha256Hex } from '../store/digest.ts';

/** A text as duplicates are compared: Unicode NFC, every run of white space one space, none at the ends. */
export function normaliseText(text: string): string {
  return text.normalize('NFC').replace(/\s+/gu, ' ').trim();
}

/** Names a prompt: equal for prompts that differ only in white space and Unicode form. */
export function promptKey(messages: readonly WireMessage[], tools: readonly Json[] | undefined): string {
  return sha256Hex(canonicalJson({ messages: messages.map(comparable), tools: tools ?? [] }));
}

/** Names an answer in the same way. */
export function answerKey(message: WireMessage): string {
  return sha256Hex(canonicalJson(comparable(message)));
}

function comparable(message: WireMessage): Record<string, unknown> {
  return {
    role: message.role,
    text: normaliseText(textOf(message.content)),
    name: message.name,
    tool_calls: message.tool_calls,
    tool_call_id: message.tool_call_id,
  };
}
