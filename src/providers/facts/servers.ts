import { type Json, type JsonObject, isObject } from '../../core/canonical.ts';
import type { ModelFacts } from '../../core/capabilities.ts';
import { listedFacts } from './listed.ts';
import { countOf, flagOf, objectOf, told } from './read.ts';

/** A route beside the OpenAI wire format on which a server tells more of its models. */
export interface TellingRoute {
  /** From the server's root: without `/v1`. */
  path: string;
  /** What an answer says of one model; null when it says nothing. */
  read(answer: Json, model: string): ModelFacts | null;
}

const llamaCpp: TellingRoute = { path: '/props', read: (answer) => (isObject(answer) ? llamaCppFacts(answer) : null) };

const routes: Readonly<Record<string, TellingRoute>> = {
  llamacpp: llamaCpp,
  lm_studio: { path: '/api/v0/models', read: (answer, model) => entryFacts(answer, 'id', model) },
  litellm: { path: '/model/info', read: (answer, model) => entryFacts(answer, 'model_name', model) },
};

/** Where a server of this kind tells more; one that its list of models gives away counts as well. */
export function tellingRoute(kind: string, entry: JsonObject | undefined): TellingRoute | null {
  return routes[kind] ?? (entry?.owned_by === 'llamacpp' ? llamaCpp : null);
}

/** llama.cpp serves one model: what it tells of itself holds for every name. */
function llamaCppFacts(props: JsonObject): ModelFacts {
  const settings = objectOf(props.default_generation_settings);
  const modalities = objectOf(props.modalities);
  const caps = objectOf(props.chat_template_caps);
  return {
    abilities: told({ vision: flagOf(modalities.vision), tools: flagOf(caps.supports_tools) }),
    ...told({ context: countOf(settings.n_ctx) }),
  };
}

function entryFacts(answer: Json, nameField: string, model: string): ModelFacts | null {
  const entries = isObject(answer) && Array.isArray(answer.data) ? answer.data.filter(isObject) : [];
  const entry = entries.find((each) => each[nameField] === model);
  return entry ? listedFacts(entry) : null;
}
