import { type Json, type JsonObject, isObject } from '../../../core/canonical.ts';
import type { RatchetError } from '../../../core/errors.ts';
import { logprobsOf, outputOf, styleOf } from './output.ts';

/** What a Response says beside its request's settings. */
export interface ResponseState {
  id: string;
  model: Json;
  /** Seconds since 1970. */
  createdAt: number;
  status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  output: readonly JsonObject[];
  usage: JsonObject | null;
  serviceTier?: Json | undefined;
  /** Why it is incomplete. */
  reason?: 'max_output_tokens' | 'content_filter';
  error?: RatchetError;
}

/** A whole answer of a chat as a Response. */
export function responseOf(body: JsonObject, answer: JsonObject, id: string): JsonObject {
  const first: Json | undefined = Array.isArray(answer.choices) ? answer.choices[0] : undefined;
  const choice = isObject(first) ? first : {};
  const message = isObject(choice.message) ? choice.message : {};
  const ending = endingOf(choice.finish_reason);
  const items = outputOf(message, logprobsOf(choice), styleOf(body, id));
  return responseObject(body, {
    id,
    ...ending,
    model: answer.model ?? body.model ?? '',
    createdAt: secondsOf(answer.created),
    output: ending.status === 'incomplete' ? cutOff(items) : items,
    usage: usageOf(answer.usage),
    serviceTier: answer.service_tier,
  });
}

/** A Response with every setting of its request, as sent or as it is when it is not sent. */
export function responseObject(body: JsonObject, state: ResponseState): JsonObject {
  const text = isObject(body.text) ? body.text : {};
  return {
    id: state.id,
    object: 'response',
    created_at: state.createdAt,
    completed_at: state.status === 'completed' ? secondsOf(null) : null,
    status: state.status,
    background: false,
    error: state.error ? { code: errorCode(state.error), message: state.error.message } : null,
    incomplete_details: state.reason ? { reason: state.reason } : null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    model: state.model,
    output: [...state.output],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: { effort: null, summary: null, ...(isObject(body.reasoning) && body.reasoning) },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: state.serviceTier ?? body.service_tier ?? 'default',
    store: body.store ?? true,
    temperature: body.temperature ?? null,
    text: { ...text, format: text.format ?? { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? null,
    truncation: body.truncation ?? 'disabled',
    usage: state.usage,
    user: body.user ?? null,
    metadata: body.metadata ?? {},
  };
}

/** How an answer ended, out of a chat's finish reason. */
export function endingOf(finish: Json | undefined): Pick<ResponseState, 'status' | 'reason'> {
  if (finish === 'length') return { status: 'incomplete', reason: 'max_output_tokens' };
  return finish === 'content_filter' ? { status: 'incomplete', reason: finish } : { status: 'completed' };
}

/** The last item of an answer that was cut off is not whole. */
export function cutOff(items: readonly JsonObject[]): JsonObject[] {
  return items.map((item, at) =>
    at === items.length - 1 && 'status' in item ? { ...item, status: 'incomplete' } : item,
  );
}

/** A chat's usage in the names of Responses; null when nothing is known. */
export function usageOf(usage: Json | undefined): JsonObject | null {
  if (!isObject(usage)) return null;
  const input = count(usage.prompt_tokens);
  const output = count(usage.completion_tokens);
  const of = isObject(usage.prompt_tokens_details) ? usage.prompt_tokens_details : {};
  const out = isObject(usage.completion_tokens_details) ? usage.completion_tokens_details : {};
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: count(of.cached_tokens), cache_write_tokens: count(of.cache_write_tokens) },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: count(out.reasoning_tokens) },
    total_tokens: count(usage.total_tokens, input + output),
  };
}

/** Seconds since 1970 as a provider says them, else now. */
export function secondsOf(time: Json | undefined): number {
  return typeof time === 'number' && Number.isFinite(time) ? time : Math.floor(Date.now() / 1_000);
}

/** OpenAI's list of codes is closed; what a client can do differs for rates only. */
function errorCode({ code }: RatchetError): string {
  return code === 'RateLimited' ? 'rate_limit_exceeded' : 'server_error';
}

function count(value: Json | undefined, otherwise = 0): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise;
}
