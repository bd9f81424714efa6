import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { refusal } from '../translation/refusal.ts';
import { formatFields } from './format.ts';
import { type Generation, generationOf, usualMaxTokens } from './models.ts';
import { thinkingFields, thinks } from './thinking.ts';
import { toolFields } from './tools.ts';
import { turnsOf } from './turns.ts';

/** A request of the Messages API, and what has to be known to translate its answer. */
export interface MessagesRequest {
  body: JsonObject;
  headers: Readonly<Record<string, string>>;
  reading: Reading;
}

/** How an answer is to be read. */
export interface Reading {
  stream: boolean;
  /** Whether the client, or the gateway for it, wants to know the tokens of a stream. */
  usage: boolean;
  /** A tool whose input is the text of the answer. */
  answerTool: string | null;
  /** Whether a call is told as `function_call`, as it once was. */
  oldCalls: boolean;
}

/** Fields that both formats have under one name, or that only Anthropic has. */
const passed = ['cache_control', 'container', 'context_management', 'inference_geo', 'mcp_servers'];

/**
 * Translates the body of a chat completion. What Anthropic cannot do at all is refused with one sentence (InvalidInput);
 * what only tunes an answer is left out, as Anthropic's own compatibility layer does. `options` are fields of the Messages
 * API that count where the request says nothing, and `betas`.
 */
export function messagesRequest(sent: JsonObject, options: JsonObject = {}): MessagesRequest {
  refuseWhatCannotBe(sent);
  const { betas } = options;
  const defaults = usualFields(options);
  const model = typeof sent.model === 'string' ? sent.model : '';
  const generation = generationOf(model);
  const { system, messages } = turnsOf(sent.messages);
  const {
    instruction,
    answerTool,
    output_config: config,
    ...tools
  } = formatFields(sent.response_format, generation, toolFields(sent, generation));
  const maxTokens = maxTokensOf(sent, defaults, generation);
  const thought = thinkingFields({
    sent,
    defaults: options,
    generation,
    maxTokens,
    toolChoice: tools.tool_choice,
    messages,
  });
  const says = instruction === undefined ? system : [...system, { type: 'text', text: instruction }];
  const output = { ...config, ...(thought.effort !== undefined && { effort: thought.effort }) };
  return {
    body: {
      ...defaults,
      model,
      max_tokens: maxTokens,
      ...(says.length > 0 && { system: says }),
      messages,
      ...tools,
      ...(thought.thinking && { thinking: thought.thinking }),
      ...outputConfig(defaults, sent, output),
      ...sampling({ ...options, ...sent }, generation, thinks(thought)),
      ...others(sent),
      ...(sent.stream === true && { stream: true }),
    },
    headers: betaHeader(betas),
    reading: {
      stream: sent.stream === true,
      usage: isObject(sent.stream_options) && sent.stream_options.include_usage === true,
      answerTool: answerTool ?? null,
      oldCalls: Array.isArray(sent.functions) && !Array.isArray(sent.tools),
    },
  };
}

/** Options that are fields of the Messages API as they are; what remains is translated as if the request had said it. */
function usualFields(options: JsonObject): JsonObject {
  const translated = ['betas', 'temperature', 'top_p', 'top_k', 'thinking', 'reasoning_effort'];
  return Object.fromEntries(Object.entries(options).filter(([name]) => !translated.includes(name)));
}

function refuseWhatCannotBe({ n, modalities, audio, web_search_options: search }: JsonObject): void {
  if (n !== undefined && n !== null && n !== 1) {
    throw refusal('Anthropic gives one choice a call: leave out n, and call once for each choice.', 'n');
  }
  if (isObject(audio) || (Array.isArray(modalities) && modalities.some((mode) => mode !== 'text'))) {
    throw refusal(
      'Anthropic answers in text only: leave out audio and modalities, or ask another model.',
      'modalities',
    );
  }
  if (isObject(search)) {
    const sentence =
      'Anthropic searches with a tool of its own: send {"type":"web_search_20250305","name":"web_search"} in tools in place of web_search_options.';
    throw refusal(sentence, 'web_search_options');
  }
}

function maxTokensOf(sent: JsonObject, defaults: JsonObject, generation: Generation): number {
  const said = sent.max_completion_tokens ?? sent.max_tokens ?? defaults.max_tokens ?? usualMaxTokens(generation);
  if (typeof said === 'number' && Number.isInteger(said) && said >= 0) return said;
  throw refusal('max_tokens must be a whole number.', 'max_tokens');
}

/** OpenAI's temperatures go to 2, Anthropic's to 1; its newest models have none, and one that thinks is hardly to be steered. */
function sampling(said: JsonObject, { sampling: may, bothSampling }: Generation, thinking: boolean): JsonObject {
  if (!may) return {};
  const { temperature, top_p: mass, top_k: count } = said;
  const heated = typeof temperature === 'number' && !thinking;
  const bounded = typeof mass === 'number' && (bothSampling || !heated) && (!thinking || mass >= 0.95);
  return {
    ...(heated && { temperature: Math.min(temperature, 1) }),
    ...(bounded && { top_p: mass }),
    ...(typeof count === 'number' && !thinking && { top_k: count }),
  };
}

function outputConfig(defaults: JsonObject, sent: JsonObject, ours: JsonObject): JsonObject {
  const merged = { ...objectOf(defaults.output_config), ...objectOf(sent.output_config), ...ours };
  return Object.keys(merged).length === 0 ? {} : { output_config: merged };
}

function others(sent: JsonObject): JsonObject {
  const fields: JsonObject = {};
  for (const name of passed) if (sent[name] !== undefined && sent[name] !== null) fields[name] = sent[name];
  const user = objectOf(sent.metadata).user_id ?? sent.user;
  const stops = stopsOf(sent.stop);
  const tier = tierOf(sent.service_tier);
  return {
    ...fields,
    ...(typeof user === 'string' && user !== '' && { metadata: { user_id: user } }),
    ...(stops.length > 0 && { stop_sequences: stops }),
    ...(tier !== null && { service_tier: tier }),
  };
}

/** A stop of nothing but blanks is one that the API refuses. */
function stopsOf(stop: Json | undefined): string[] {
  const list = Array.isArray(stop) ? stop : [stop];
  return list.flatMap((one) => (typeof one === 'string' && one.trim() !== '' ? [one] : []));
}

function tierOf(tier: Json | undefined): string | null {
  if (tier === 'auto' || tier === 'standard_only') return tier;
  return tier === 'default' ? 'standard_only' : null;
}

function betaHeader(betas: Json | undefined): Record<string, string> {
  const names = (Array.isArray(betas) ? betas : [betas]).filter((name) => typeof name === 'string');
  return names.length === 0 ? {} : { 'anthropic-beta': names.join(',') };
}

function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
