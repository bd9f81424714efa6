import { kinds } from './kinds/all.ts';

/** Whose model a name without a prefix is, for LiteLLM's library; first match wins. */
const vendors: readonly (readonly [RegExp, string])[] = [
  [/^claude/, 'anthropic'],
  [/^gemini-/, 'gemini'],
  [/^deepseek-/, 'deepseek'],
  [/^/, 'openai'],
];

const kindOf = new Map(kinds.flatMap(({ kind, aliases = [] }) => [kind, ...aliases].map((name) => [name, kind])));

/** The kind that a prefix means, such as `together` for LiteLLM's `together_ai`; the prefix itself when it means none. */
export function kindNamed(prefix: string): string {
  return kindOf.get(prefix) ?? prefix;
}

/**
 * The model ref `provider/model` that a model's name means to LiteLLM's library: with a prefix it is the prefix's, without
 * one it is the vendor's whose name it bears.
 */
export function libraryRef(model: string): string {
  const slash = model.indexOf('/');
  if (slash > 0) return `${kindNamed(model.slice(0, slash))}/${model.slice(slash + 1)}`;
  const [, vendor] = vendors.find(([pattern]) => pattern.test(model)) ?? [null, 'openai'];
  return `${vendor}/${model}`;
}
