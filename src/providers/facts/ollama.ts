import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import type { ModelFacts } from '../../core/capabilities.ts';
import { countOf, objectOf, textsOf, told } from './read.ts';

export interface OllamaTellerOptions {
  /** The answer of `GET /api/tags`. */
  tags: (signal: AbortSignal) => Promise<Json>;
  /** The answer of `POST /api/show`. */
  show: (model: string, signal: AbortSignal) => Promise<Json>;
  /** What the settings say for a model, of which `num_ctx` bounds the context. */
  options?: (model: string) => JsonObject;
  /** A clock in ms that never goes back. */
  now?: () => number;
}

/** How long a list of tags is believed, in ms. */
const tagsForMs = 10_000;
/** How many models are remembered. */
const mostModels = 1_000;

interface Tag {
  digest: string;
  size: number | undefined;
}

/** What is known of a model's weights, and the context that its Modelfile asks for. */
interface Shown {
  facts: ModelFacts;
  context: number | undefined;
}

/** Creates what asks Ollama about a model. A digest never changes what it stands for, so each is asked about once. */
export function createOllamaTeller(options: OllamaTellerOptions) {
  const { tags, show, now = () => performance.now() } = options;
  const byDigest = new Map<string, Shown>();
  let listed: { at: number; value: Promise<ReadonlyMap<string, Tag>> } | null = null;

  function list(signal: AbortSignal): Promise<ReadonlyMap<string, Tag>> {
    if (!listed || now() - listed.at >= tagsForMs) {
      const value = tags(signal).then(tagsOf);
      listed = { at: now(), value };
      value.catch(() => (listed = null));
    }
    return listed.value;
  }

  /** What Ollama tells of one model; null when it does not have it. */
  return async function describe(model: string, { signal }: { signal: AbortSignal }): Promise<ModelFacts | null> {
    const found = await list(signal);
    const tag = found.get(model) ?? found.get(`${model}:latest`);
    if (!tag) return null;
    let shown = byDigest.get(tag.digest);
    if (!shown) {
      shown = read(await show(model, signal), tag.size);
      if (byDigest.size >= mostModels) byDigest.clear();
      byDigest.set(tag.digest, shown);
    }
    return bounded(shown.facts, countOf(options.options?.(model).num_ctx) ?? shown.context);
  };
}

/** Names of the models in memory, out of the answer of `GET /api/ps`. */
export function runningModels(answer: Json): string[] {
  return [...tagsOf(answer).keys()];
}

function read(answer: Json, size: number | undefined): Shown {
  const shown = objectOf(answer);
  const info = objectOf(shown.model_info);
  const { 'general.architecture': architecture } = info;
  const context = typeof architecture === 'string' ? countOf(info[`${architecture}.context_length`]) : undefined;
  const facts = { abilities: abilitiesOf(textsOf(shown.capabilities)), ...told({ context, size }) };
  return { facts, context: parameterOf(shown.parameters, 'num_ctx') };
}

/** Ollama looks at the template and the weights. Answers that keep to a schema are made for every model that chats. */
function abilitiesOf(capabilities: readonly string[] | null): ModelFacts['abilities'] {
  // Versions before 0.6.4 do not tell.
  if (!capabilities || capabilities.length === 0) return {};
  const has = (name: string): boolean => capabilities.includes(name);
  const chat = has('completion');
  return {
    chat,
    stream: chat,
    json: chat,
    tools: has('tools'),
    vision: has('vision'),
    // It makes embeddings of models that chat as well, of most of them.
    ...(has('embedding') && { embeddings: true }),
  };
}

/** A context in force is never longer than the longest that the weights allow. */
function bounded(facts: ModelFacts, context: number | undefined): ModelFacts {
  if (context === undefined || (facts.context !== undefined && facts.context <= context)) return facts;
  return { ...facts, context };
}

/** A number out of the lines of a Modelfile's parameters. */
function parameterOf(parameters: Json | undefined, name: string): number | undefined {
  if (typeof parameters !== 'string') return undefined;
  const line = parameters.split('\n').find((each) => each.split(/\s+/)[0] === name);
  return countOf(line?.slice(name.length).trim());
}

function tagsOf(answer: Json): ReadonlyMap<string, Tag> {
  const models = isObject(answer) && Array.isArray(answer.models) ? answer.models.filter(isObject) : [];
  return new Map(
    models.flatMap(({ name, digest, size }) =>
      typeof name === 'string' && typeof digest === 'string' ? [[name, { digest, size: countOf(size) }] as const] : [],
    ),
  );
}
