import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { refusal } from '../translation/refusal.ts';
import { nativeMessages } from './messages.ts';
import { type ModelOptions, splitOptions } from './options.ts';

/** A call of Ollama's own API. */
export interface NativeRequest {
  path: 'chat' | 'generate' | 'embed';
  body: JsonObject;
}

/** What one call sets by itself: `options` and `keep_alive`, as Ollama's own API has them. They go before the settings. */
export function optionsOfCall({ options, keep_alive: keep }: JsonObject): JsonObject {
  return { ...(isObject(options) && options), ...(keep !== undefined && { keep_alive: keep }) };
}

/**
 * Translates a chat for `/api/chat`. Where neither the request nor the settings say so, heat and mass are 1, as they are on
 * Ollama's OpenAI route, so that an option changes nothing but what it says. InvalidInput for what Ollama cannot do.
 */
export function chatRequest(sent: JsonObject, said: JsonObject): NativeRequest {
  const { options, fields } = splitOptions(said);
  const { tool_choice: choice, response_format: format, logprobs, top_logprobs: top } = sent;
  refuseChoices(sent);
  const tools = choice === 'none' ? [] : toolsOf(sent.tools);
  const shape = formatOf(format);
  const think = thinkOf(sent);
  return {
    path: 'chat',
    body: {
      model: sent.model ?? '',
      messages: nativeMessages(sent.messages),
      stream: sent.stream === true,
      ...fields,
      ...(tools.length > 0 && { tools }),
      ...(shape !== null && { format: shape }),
      ...(think !== null && { think }),
      ...(logprobs === true && { logprobs }),
      ...(logprobs === true && typeof top === 'number' && { top_logprobs: top }),
      options: { temperature: 1, top_p: 1, ...options, ...tuning(sent) },
    },
  };
}

/** Translates a text to be gone on with for `/api/generate`. */
export function textRequest(sent: JsonObject, said: JsonObject): NativeRequest {
  const { options, fields } = splitOptions(said);
  const { prompt, suffix } = sent;
  refuseChoices(sent);
  const text = Array.isArray(prompt) && prompt.length === 1 ? prompt[0] : prompt;
  if (typeof text !== 'string') throw refusal('Ollama goes on with one text a call: send one prompt.', 'prompt');
  return {
    path: 'generate',
    body: {
      model: sent.model ?? '',
      prompt: text,
      stream: sent.stream === true,
      ...(typeof suffix === 'string' && { suffix }),
      ...fields,
      options: { temperature: 1, top_p: 1, ...options, ...tuning(sent) },
    },
  };
}

/** Translates texts to be embedded for `/api/embed`. */
export function embedRequest(sent: JsonObject, said: JsonObject): NativeRequest {
  const { options, fields }: ModelOptions = splitOptions(said);
  const { input, dimensions } = sent;
  const texts = Array.isArray(input) ? input : [input];
  if (!texts.every((text) => typeof text === 'string')) {
    throw refusal('Ollama embeds texts: send a text or a list of texts as input.', 'input');
  }
  const { keep_alive: keep, truncate } = fields;
  return {
    path: 'embed',
    body: {
      model: sent.model ?? '',
      input: texts,
      ...(typeof dimensions === 'number' && { dimensions }),
      ...(keep !== undefined && { keep_alive: keep }),
      ...(truncate !== undefined && { truncate }),
      options,
    },
  };
}

function refuseChoices({ n }: JsonObject): void {
  if (n === undefined || n === null || n === 1) return;
  throw refusal('Ollama gives one choice a call: leave out n, and call once for each choice.', 'n');
}

function tuning(sent: JsonObject): JsonObject {
  const limit = sent.max_completion_tokens ?? sent.max_tokens;
  const stops = (Array.isArray(sent.stop) ? sent.stop : [sent.stop]).filter((stop) => typeof stop === 'string');
  const found: JsonObject = {};
  for (const name of ['temperature', 'top_p', 'seed', 'frequency_penalty', 'presence_penalty', 'top_k', 'min_p']) {
    const value = sent[name];
    if (typeof value === 'number') found[name] = value;
  }
  return {
    ...found,
    ...(typeof limit === 'number' && { num_predict: limit }),
    ...(stops.length > 0 && { stop: stops }),
  };
}

function toolsOf(tools: Json | undefined): JsonObject[] {
  return (Array.isArray(tools) ? tools : []).map((tool, index) => {
    if (isObject(tool) && tool.type === 'function' && isObject(tool.function)) return tool;
    const type = isObject(tool) ? tool.type : tool;
    const sentence = `Ollama takes no tool of type ${JSON.stringify(type ?? null)} (tools.${index}): describe it as a function.`;
    throw refusal(sentence, `tools.${index}.type`);
  });
}

function formatOf(format: Json | undefined): Json {
  if (!isObject(format)) return null;
  if (format.type === 'json_object') return 'json';
  const described = format.type === 'json_schema' ? format.json_schema : null;
  return isObject(described) ? (described.schema ?? null) : null;
}

const efforts: Readonly<Record<string, Json>> = {
  none: false,
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
};

function thinkOf({ reasoning_effort: effort, reasoning, think }: JsonObject): Json {
  if (think !== undefined) return think;
  const said = effort ?? (isObject(reasoning) ? reasoning.effort : undefined);
  return typeof said === 'string' && Object.hasOwn(efforts, said) ? (efforts[said] ?? null) : null;
}
