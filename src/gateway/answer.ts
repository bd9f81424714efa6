import { type JsonObject, isObject } from '../core/canonical.ts';
import { choicesOf } from '../core/choices.ts';
import { RatchetError } from '../core/errors.ts';
import { readBody } from '../providers/body.ts';
import type { ProviderAnswer } from '../providers/types.ts';
import type { ChoiceRecord } from '../store/types.ts';
import type { Call } from './ports.ts';
import { depthOf } from './splice.ts';

/** An answer that came whole. */
export interface WholeAnswer {
  text: string;
  answer: JsonObject;
  choices: ChoiceRecord[];
  /** Every field but the choices. */
  response: JsonObject;
}

const answerLimit = 64 * 2 ** 20;
/** How deep JSON may be nested; what reads it further on does so by calling itself. */
export const deepest = 128;

/** Whether an answer came whole, as one does although a stream was asked for where the provider has none. */
export function isWhole(got: ProviderAnswer): boolean {
  return got.headers['content-type']?.startsWith('application/json') ?? false;
}

/** Reads a provider's whole answer. ProviderUnavailable when it is none. */
export async function readWhole(call: Call, got: ProviderAnswer, provider: string): Promise<WholeAnswer> {
  const text = await readBody(got.body, answerLimit).catch((error: unknown) => {
    throw error instanceof RangeError ? malformed(provider, 'answered with too much', error) : error;
  });
  const answer = parseAnswer(text, provider);
  const recordable = call.recordable(answer);
  const choices = choicesOf(recordable);
  if (!choices) throw malformed(provider, 'answered without choices');
  const { choices: _choices, ...response } = recordable;
  return { text, answer, choices, response };
}

/** A whole answer as the one chunk of a stream. */
export function chunkOf(answer: JsonObject): JsonObject {
  const { choices, object } = answer;
  if (!Array.isArray(choices)) return answer;
  return {
    ...answer,
    ...(object === 'chat.completion' && { object: 'chat.completion.chunk' }),
    choices: choices.map((choice) => {
      if (!isObject(choice) || !isObject(choice.message)) return choice;
      const { message, ...rest } = choice;
      return { ...rest, delta: numbered(message) };
    }),
  };
}

/** The calls of a stream's message have numbers. */
function numbered(message: JsonObject): JsonObject {
  const { tool_calls: calls } = message;
  if (!Array.isArray(calls)) return message;
  return { ...message, tool_calls: calls.map((call, index) => (isObject(call) ? { index, ...call } : call)) };
}

/** ProviderUnavailable for what is not of the wire format. */
export function malformed(provider: string, problem: string, cause?: unknown): RatchetError {
  const message = `${provider} ${problem}: check that it speaks the OpenAI wire format.`;
  return new RatchetError('ProviderUnavailable', message, { cause, details: { provider } });
}

function parseAnswer(text: string, provider: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw malformed(provider, 'did not answer with JSON', error);
  }
  if (!isObject(parsed)) throw malformed(provider, 'did not answer with a JSON object');
  if (depthOf(text) > deepest) throw malformed(provider, 'answered with JSON that is nested too deep');
  return parsed;
}
