import { type JsonObject, isObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import type { WireMessage } from '../core/message.ts';
import type { NewCompletion } from '../store/types.ts';
import type { Route } from './resolve.ts';

/** A chat completion request of which only what we rely on has been checked. */
export interface ChatRequest {
  /** Exactly what was sent. */
  body: JsonObject;
  model: string;
  messages: WireMessage[];
  stream: boolean;
  /** How many choices are asked for. */
  choices: number;
  /** `meta`: the client asked with `store: false` that nothing said is kept. */
  keep: 'all' | 'meta';
}

/** Checks a request's body; InvalidInput names the field. */
export function parseChatRequest(body: unknown): ChatRequest {
  if (!isObject(body)) throw invalid('the body', 'a JSON object', null);
  const { model, messages, stream, n } = body;
  if (typeof model !== 'string' || model.trim() === '') {
    throw invalid('model', '"active", or a model ref such as "ollama/qwen2.5:0.5b"', 'model');
  }
  if (!Array.isArray(messages) || messages.length === 0) throw invalid('messages', 'a list of messages', 'messages');
  const bad = messages.findIndex((message) => !isObject(message) || typeof message.role !== 'string');
  if (bad !== -1) throw invalid(`messages[${bad}]`, 'an object with a role', `messages.${bad}`);
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw invalid('stream', 'true or false', 'stream');
  }
  return {
    body,
    model: model.trim(),
    messages: messages as WireMessage[],
    stream: stream === true,
    choices: typeof n === 'number' && Number.isInteger(n) && n > 0 ? n : 1,
    keep: body.store === false ? 'meta' : 'all',
  };
}

/** The request as the provider gets it: its own name for the model, everything else untouched. */
export function upstreamRequest(request: ChatRequest, route: Route): { body: JsonObject; addsUsage: boolean } {
  const options = request.body.stream_options;
  const addsUsage =
    request.stream && route.provider.reportsUsage && !(isObject(options) && options.include_usage !== undefined);
  const body = {
    ...request.body,
    model: route.model,
    ...(addsUsage && { stream_options: { ...(isObject(options) && options), include_usage: true } }),
  };
  return { body, addsUsage };
}

/** The request as the store keeps it. */
export function recordedRequest(
  request: ChatRequest,
  route: Route,
  { owner, conversationId }: { owner: string; conversationId?: string },
): NewCompletion {
  const { messages: _messages, ...envelope } = request.body;
  const all = request.keep === 'all';
  return {
    owner,
    provider: route.provider.name,
    model: route.model,
    envelope: all ? envelope : { model: request.model, stream: request.stream, store: false },
    messages: all ? request.messages : [],
    stream: request.stream,
    ...(conversationId !== undefined && { conversationId }),
  };
}

/** A conversation id as a client may send it. */
export function parseConversationId(value: string | undefined): string | undefined {
  if (value === undefined || /^[\w.:-]{1,200}$/.test(value)) return value;
  throw new RatchetError('InvalidInput', 'x-conversation-id must be 1 to 200 letters, digits, ".", "_", ":" or "-".');
}

function invalid(what: string, form: string, param: string | null): RatchetError {
  const message = `${what.charAt(0).toUpperCase()}${what.slice(1)} must be ${form}.`;
  return new RatchetError('InvalidInput', message, { details: { param } });
}
