import { RatchetError } from '../../core/errors.ts';
import type { AllowedRegistry } from '../../core/ollama-options.ts';

/** A model's name in its four parts, as Ollama reads it. */
export interface ModelName {
  host: string;
  namespace: string;
  model: string;
  tag: string;
}

const defaults = { host: 'registry.ollama.ai', namespace: 'library', tag: 'latest' } as const;

const first = String.raw`[A-Za-z0-9_]`;
/** What each part may be made of; a name goes into paths and URLs of Ollama, so that nothing else is let through. */
const parts: Readonly<Record<keyof ModelName, RegExp>> = {
  host: new RegExp(`^${first}[\\w.:-]{0,349}$`),
  namespace: new RegExp(`^${first}[\\w-]{0,79}$`),
  model: new RegExp(`^${first}[\\w.-]{0,79}$`),
  tag: new RegExp(`^${first}[\\w.-]{0,79}$`),
};

/** Reads `[[host/]namespace/]model[:tag]` by Ollama's rules. InvalidInput. */
export function parseModelName(text: string): ModelName {
  const name = findModelName(text);
  if (name) return name;
  throw new RatchetError(
    'InvalidInput',
    `"${text.slice(0, 200)}" is not a name of a model: write it as "model", "model:tag", "user/model:tag" or "host/user/model:tag".`,
  );
}

/** As {@link parseModelName}; null for what is no name. */
export function findModelName(text: string): ModelName | null {
  const colon = text.lastIndexOf(':');
  const hasTag = colon > text.lastIndexOf('/');
  const [model = '', namespace, ...before] = (hasTag ? text.slice(0, colon) : text).split('/').reverse();
  if (before.length > 1) return null;
  const name: ModelName = {
    host: before[0] ?? defaults.host,
    namespace: namespace ?? defaults.namespace,
    model,
    tag: hasTag ? text.slice(colon + 1) : defaults.tag,
  };
  const isValid = (['host', 'namespace', 'model', 'tag'] as const).every((part) => parts[part].test(name[part]));
  return isValid ? name : null;
}

/** A name as Ollama lists it: what it would have guessed is left out, but the tag. */
export function listedName({ host, namespace, model, tag }: ModelName): string {
  const rest = `${model}:${tag}`;
  if (host.toLowerCase() !== defaults.host) return `${host}/${namespace}/${rest}`;
  return namespace.toLowerCase() === defaults.namespace ? rest : `${namespace}/${rest}`;
}

/** Whether two names mean one model: Ollama does not tell upper from lower case. */
export function sameModel(one: string, other: string): boolean {
  return keyOf(one) === keyOf(other);
}

/** What all spellings of a name have in common. */
export function keyOf(text: string): string {
  const name = findModelName(text);
  return (name === null ? text : listedName(name)).toLowerCase();
}

/**
 * The registry that a name means, where the settings allow it. Ollama asks whatever host stands in a name, so that a name
 * must not reach machines that nobody meant. InvalidInput.
 */
export function registryOf({ host }: ModelName, allowed: readonly AllowedRegistry[]): AllowedRegistry {
  const found = allowed.find((registry) => registry.host === host.toLowerCase());
  if (found) return found;
  throw new RatchetError(
    'InvalidInput',
    `Models of ${host.slice(0, 100)} are not allowed: add it to providers.ollama.options.registries in ratchet.json, which has ${allowed.map((registry) => registry.host).join(', ') || 'none'}.`,
  );
}
