import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import { type ModelFacts, mergeFacts } from '../../core/capabilities.ts';
import { countOf, firstCount, flagOf, objectOf, textsOf, told } from './read.ts';

type Abilities = ModelFacts['abilities'];

/** The fields in which lists tell how long a context is, the one in force before the longest possible. */
const contextFields = ['max_model_len', 'context_length', 'context_window', 'max_context_length'];

/**
 * What an entry of a provider's list of models tells beyond its name. The OpenAI wire format has no field for it, so each
 * vendor has its own; those of several never contradict each other, and one reader takes them all.
 */
export function listedFacts(entry: JsonObject): ModelFacts {
  return mergeFacts([
    { abilities: byParameters(entry) },
    { abilities: byModalities(objectOf(entry.architecture)) },
    { abilities: byCapabilities(entry.capabilities) },
    byHosts(entry.providers),
    byModelInfo(entry.model_info),
    { abilities: byType(entry.type) },
    bySizes(entry),
  ]);
}

function bySizes(entry: JsonObject): ModelFacts {
  const meta = objectOf(entry.meta);
  const context = firstCount(entry, contextFields) ?? firstCount(meta, ['n_ctx']);
  return { abilities: {}, ...told({ context, size: countOf(entry.size_bytes) ?? countOf(meta.size) }) };
}

/** OpenRouter lists the parameters that a model takes, all of them. */
function byParameters({ supported_parameters: supported }: JsonObject): Abilities {
  const names = textsOf(supported);
  if (!names || names.length === 0) return {};
  return {
    tools: names.includes('tools'),
    json: names.some((name) => /^(response_format|structured_outputs)$/.test(name)),
  };
}

/** OpenRouter and Hugging Face say what goes in and what comes out. */
function byModalities({ input_modalities: input, output_modalities: output }: JsonObject): Abilities {
  const [from, to] = [textsOf(input), textsOf(output)];
  return {
    ...(from && { vision: from.includes('image') }),
    ...(to && { chat: to.includes('text') }),
    ...(to?.includes('embeddings') && { embeddings: true }),
  };
}

/** Mistral has flags. LM Studio has a list of what a model was trained for, which says nothing of what is not in it. */
function byCapabilities(capabilities: Json | undefined): Abilities {
  if (textsOf(capabilities)?.includes('tool_use')) return { tools: true };
  if (!isObject(capabilities)) return {};
  return told({
    chat: flagOf(capabilities.completion_chat),
    tools: flagOf(capabilities.function_calling),
    vision: flagOf(capabilities.vision),
  });
}

/** Hugging Face names who serves a model: one that can is enough, since the router picks it. */
function byHosts(hosts: Json | undefined): ModelFacts {
  const live = Array.isArray(hosts) ? hosts.filter(isObject).filter(({ status }) => status !== 'error') : [];
  const contexts = live.flatMap(({ context_length: length }) => countOf(length) ?? []);
  return {
    abilities: told({
      tools: anyOf(live.map(({ supports_tools: can }) => can)),
      json: anyOf(live.map(({ supports_structured_output: can }) => can)),
    }),
    ...(contexts.length > 0 && { context: Math.max(...contexts) }),
  };
}

/** True when one says so, false when all say no, else nothing. */
function anyOf(said: readonly (Json | undefined)[]): boolean | undefined {
  if (said.includes(true)) return true;
  return said.length > 0 && said.every((one) => one === false) ? false : undefined;
}

/** A LiteLLM proxy tells what its price table knows; null is unknown there. */
function byModelInfo(info: Json | undefined): ModelFacts {
  if (!isObject(info)) return { abilities: {} };
  const { mode } = info;
  return {
    abilities: told({
      ...(typeof mode === 'string' && { chat: mode === 'chat' || mode === 'completion' || mode === 'responses' }),
      ...(mode === 'embedding' && { embeddings: true }),
      tools: flagOf(info.supports_function_calling),
      vision: flagOf(info.supports_vision),
      json: flagOf(info.supports_response_schema) || undefined,
    }),
    ...told({ context: countOf(info.max_input_tokens) }),
  };
}

const chats = { chat: true, embeddings: false };
const embeds = { chat: false, tools: false, embeddings: true };
const neither = { chat: false, embeddings: false };

/** What Together and LM Studio say that a model is for, and what follows. */
const byPurpose: ReadonlyMap<string, Abilities> = new Map<string, Abilities>([
  ['chat', chats],
  ['llm', { ...chats, vision: false }],
  ['vlm', { ...chats, vision: true }],
  ['embedding', embeds],
  ['embeddings', embeds],
  ...['image', 'video', 'audio', 'transcribe', 'moderation', 'rerank'].map((type) => [type, neither] as const),
]);

function byType(type: Json | undefined): Abilities {
  return typeof type === 'string' ? (byPurpose.get(type) ?? {}) : {};
}
