import { randomUUID } from 'node:crypto';
import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { textOf } from '../translation/text.ts';

/** What all answers of one call share. */
export interface AnswerFrame {
  id: string;
  model: string;
  /** Seconds since 1970. */
  created: number;
}

/** The name that Ollama's OpenAI route gives to its answers. */
const fingerprint = { system_fingerprint: 'fp_ollama' };

/** A whole answer of `/api/chat` as a chat completion; null when it is none. */
export function completionOf(answer: JsonObject, frame: AnswerFrame): JsonObject | null {
  if (!isObject(answer.message)) return null;
  const calls = callsOf(answer.message, 0);
  const choice: JsonObject = {
    index: 0,
    message: {
      role: 'assistant',
      content: textOf(answer.message.content),
      ...deltaOf(answer.message),
      ...(calls.length > 0 && { tool_calls: calls.map(withoutIndex) }),
    },
    finish_reason: finishOf(answer, calls.length),
    ...logprobsOf(answer),
  };
  return { ...frame, object: 'chat.completion', ...fingerprint, choices: [choice], usage: usageOf(answer) };
}

/** A whole answer of `/api/generate` as a text completion; null when it is none. */
export function textCompletionOf(answer: JsonObject, frame: AnswerFrame): JsonObject | null {
  if (typeof answer.response !== 'string') return null;
  const choice: JsonObject = { index: 0, text: answer.response, finish_reason: finishOf(answer, 0), logprobs: null };
  return { ...frame, object: 'text_completion', ...fingerprint, choices: [choice], usage: usageOf(answer) };
}

/** An answer of `/api/embed` as OpenAI lists embeddings, as numbers or as base64; null when it is none. */
export function embeddingsOf(answer: JsonObject, encoding: Json | undefined): JsonObject | null {
  if (!Array.isArray(answer.embeddings)) return null;
  const data = answer.embeddings.map((vector, index) => {
    const numbers = Array.isArray(vector) ? vector.filter((value) => typeof value === 'number') : [];
    return { object: 'embedding', index, embedding: encoding === 'base64' ? packed(numbers) : numbers };
  });
  const prompt = countOf(answer.prompt_eval_count);
  return { object: 'list', data, model: answer.model ?? '', usage: { prompt_tokens: prompt, total_tokens: prompt } };
}

/** What a message thinks, in the field that Ollama's OpenAI route has for it. */
export function deltaOf({ thinking }: JsonObject): JsonObject {
  return typeof thinking === 'string' && thinking !== '' ? { reasoning: thinking } : {};
}

/** The calls of a message, numbered from `first`. */
export function callsOf({ tool_calls: calls }: JsonObject, first: number): JsonObject[] {
  return (Array.isArray(calls) ? calls : []).flatMap((call, at) => {
    if (!isObject(call) || !isObject(call.function)) return [];
    const { name, arguments: args } = call.function;
    // Versions before 0.12 give no ids.
    const id = typeof call.id === 'string' && call.id !== '' ? call.id : `call_${randomUUID().slice(0, 8)}`;
    const called = { name: name ?? '', arguments: JSON.stringify(args ?? {}) };
    return [{ index: first + at, id, type: 'function', function: called }];
  });
}

/** Why it stopped, as OpenAI says it; null when it did not say. */
export function finishOf({ done_reason: reason }: JsonObject, calls: number): string | null {
  if (calls > 0) return 'tool_calls';
  return typeof reason === 'string' && reason !== '' ? reason : null;
}

export function usageOf({ prompt_eval_count: prompt, eval_count: completion }: JsonObject): JsonObject {
  return {
    prompt_tokens: countOf(prompt),
    completion_tokens: countOf(completion),
    total_tokens: countOf(prompt) + countOf(completion),
  };
}

/** How probable each token was, where that was asked. */
export function logprobsOf({ logprobs }: JsonObject): JsonObject {
  return Array.isArray(logprobs) && logprobs.length > 0 ? { logprobs: { content: logprobs } } : {};
}

function withoutIndex({ index: _index, ...call }: JsonObject): JsonObject {
  return call;
}

function countOf(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0;
}

/** As OpenAI packs vectors: 32 bits each, the low byte first. */
function packed(numbers: readonly number[]): string {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [at, value] of numbers.entries()) bytes.writeFloatLE(value, at * 4);
  return bytes.toString('base64');
}
