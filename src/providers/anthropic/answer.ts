import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { explanationOf, finishReason } from './ending.ts';
import type { Reading } from './request.ts';
import { usageOf } from './usage.ts';

/** A whole message of Anthropic's as a chat completion; null when it is none. `created` is in seconds since 1970. */
export function completionOf(answer: JsonObject, reading: Reading, created: number): JsonObject | null {
  if (!Array.isArray(answer.content)) return null;
  const blocks = answer.content.filter(isObject);
  const calls = blocks.filter(({ type, name }) => type === 'tool_use' && name !== reading.answerTool);
  const usage = isObject(answer.usage) ? usageOf(answer.usage) : null;
  const choice: JsonObject = {
    index: 0,
    message: messageOf(blocks, calls, reading, answer.stop_details),
    finish_reason:
      typeof answer.stop_reason === 'string' ? finishReason(answer.stop_reason, reading, calls.length) : null,
    ...(typeof answer.stop_sequence === 'string' && { stop_sequence: answer.stop_sequence }),
  };
  return {
    id: answer.id ?? '',
    object: 'chat.completion',
    created,
    model: answer.model ?? '',
    choices: [choice],
    ...(usage && { usage }),
  };
}

function messageOf(
  blocks: readonly JsonObject[],
  calls: readonly JsonObject[],
  reading: Reading,
  details: Json | undefined,
): JsonObject {
  const texts = blocks.flatMap((block) => textOf(block, reading));
  const thoughts = blocks.filter(({ type }) => type === 'thinking' || type === 'redacted_thinking');
  const thought = thoughts.map(({ thinking }) => (typeof thinking === 'string' ? thinking : '')).join('');
  const citations = blocks.flatMap((block) => (Array.isArray(block.citations) ? block.citations : []));
  const explanation = explanationOf(details);
  return {
    role: 'assistant',
    content: texts.length === 0 && calls.length + thoughts.length > 0 ? null : texts.join(''),
    ...(explanation !== null && { refusal: explanation }),
    ...(thought !== '' && { reasoning_content: thought }),
    ...(thoughts.length > 0 && { thinking_blocks: thoughts }),
    ...(citations.length > 0 && { citations }),
    ...callFields(calls, reading),
  };
}

function textOf({ type, text, name, input }: JsonObject, { answerTool }: Reading): string[] {
  if (type === 'text' && typeof text === 'string') return [text];
  return type === 'tool_use' && name === answerTool ? [JSON.stringify(input ?? {})] : [];
}

function callFields(calls: readonly JsonObject[], { oldCalls }: Reading): JsonObject {
  const [first] = calls;
  if (!first) return {};
  if (oldCalls) return { function_call: calledOf(first) };
  return {
    tool_calls: calls.map((call) => ({ id: call.id ?? '', type: 'function', function: calledOf(call) })),
  };
}

function calledOf({ name, input }: JsonObject): JsonObject {
  return { name: name ?? '', arguments: JSON.stringify(input ?? {}) };
}
