import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { choicesOf } from '../../core/choices.ts';
import type { WireMessage } from '../../core/message.ts';
import { countIn, objectIn, textIn, timeIn } from './fields.ts';
import { messagesIn, saysAnything, spokenIn, toolsIn } from './training-messages.ts';
import type { ImportedExchange, LeftOut } from './types.ts';

/** A call of a model, with the id that its scores name. */
export interface Generation {
  id: string;
  at: string;
  chat: ImportedExchange['chat'];
}

const roleOf: Readonly<Record<string, string>> = { human: 'user', ai: 'assistant', model: 'assistant' };
const longestModel = 300;

/** An observation, or why it is no exchange. InvalidInput with the place of what cannot be read. */
export function readGeneration(row: JsonObject, at: string): Generation | LeftOut {
  if (row.type !== 'GENERATION') return { kind: 'left-out', at, reason: 'no call of a model' };
  const asked = valueIn(row.input);
  const request = isObject(asked) && !('role' in asked) ? asked : { messages: asked ?? null };
  if (request.messages === null || request.messages === undefined)
    return { kind: 'left-out', at, reason: 'no messages' };
  const messages = spokenIn(withRoles(request.messages), 'user', 'input');
  const answer = answerIn(valueIn(row.output));
  if (messages.length === 0) return { kind: 'left-out', at, reason: 'no messages' };
  if (!answer || !saysAnything(answer)) return { kind: 'left-out', at, reason: 'no answer' };
  const model = (textIn(row.model) ?? textIn(row.provided_model_name) ?? 'unknown').slice(0, longestModel);
  const id = textIn(row.id) ?? '';
  const trace = textIn(row.traceId) ?? textIn(row.trace_id);
  const used = objectIn(valueIn(row.usageDetails ?? row.usage_details ?? row.usage));
  return {
    id,
    at,
    chat: {
      model,
      envelope: { ...parametersIn(row), ...toolsIn(request.tools), model },
      messages,
      scope: textIn(row.userId) ?? textIn(row.user_id) ?? textIn(row.sessionId) ?? textIn(row.session_id) ?? null,
      choices: [{ index: 0, message: answer, finishReason: null, extra: {} }],
      response: { object: 'chat.completion', model },
      promptTokens: countIn(used.input),
      completionTokens: countIn(used.output),
      createdAt: timeIn(row.startTime) ?? utc(row.start_time),
      origin: { format: 'langfuse', observation_id: id, ...(trace !== undefined && { trace_id: trace }) },
    },
  };
}

function parametersIn(row: JsonObject): JsonObject {
  const { messages: _messages, ...parameters } = objectIn(valueIn(row.modelParameters ?? row.model_parameters ?? null));
  return parameters;
}

/** A message, its text, or a whole answer with choices. */
function answerIn(output: Json | undefined): WireMessage | undefined {
  if (isObject(output) && 'choices' in output) return choicesOf(output)?.[0]?.message;
  const last = Array.isArray(output) ? output.at(-1) : output;
  if (typeof last === 'string') return { role: 'assistant', content: last };
  if (!isObject(last)) return undefined;
  if (!('content' in last) && !('tool_calls' in last)) return { role: 'assistant', content: JSON.stringify(last) };
  const [answer] = messagesIn([{ ...last, role: 'assistant' }], 'output');
  return answer;
}

/** Other libraries name roles otherwise. */
function withRoles(messages: Json): Json {
  if (!Array.isArray(messages)) return messages;
  return messages.map((message) => {
    if (!isObject(message) || typeof message.role !== 'string') return message;
    return { ...message, role: roleOf[message.role] ?? message.role };
  });
}

/** The blob storage export writes values as JSON text. */
function valueIn(value: Json | undefined): Json | undefined {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as Json;
  } catch {
    return value;
  }
}

/** A time of the blob storage export, `2024-05-29 13:46:19.963000`, which is UTC and does not say so. */
function utc(value: Json | undefined): number | null {
  return typeof value === 'string'
    ? timeIn(/[zZ]|[+-]\d\d:?\d\d$/.test(value) ? value : `${value.replace(' ', 'T')}Z`)
    : null;
}
