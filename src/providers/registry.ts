import { kinds } from './kinds/all.ts';
import type { Provider } from './types.ts';

/** A provider together with its own name for a model. */
export interface Target {
  provider: Provider;
  model: string;
}

export interface Registry {
  /** In the order in which a bare model name is looked for. */
  readonly providers: readonly Provider[];
  get(name: string): Provider | null;
  /**
   * Splits a model ref `provider/model`, as LiteLLM writes it; null when it does not begin with a provider's name.
   * `litellm/…` is looked through: the library sends what has no prefix to OpenAI.
   */
  split(ref: string): Target | null;
}

/** Other prefixes, such as LiteLLM's, that mean a kind of ours. */
const aliases = new Map(kinds.flatMap(({ kind, aliases = [] }) => aliases.map((alias) => [alias, kind] as const)));

/** The one place where providers are found by name. */
export function createRegistry(providers: readonly Provider[]): Registry {
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  const get = (name: string): Provider | null => byName.get(name) ?? byName.get(aliases.get(name) ?? '') ?? null;

  function split(ref: string): Target | null {
    const slash = ref.indexOf('/');
    if (slash < 1 || slash === ref.length - 1) return null;
    const [prefix, model] = [ref.slice(0, slash), ref.slice(slash + 1)];
    if (prefix === 'litellm' && !byName.has(prefix)) {
      const openai = get('openai');
      return split(model) ?? (openai && { provider: openai, model });
    }
    const provider = get(prefix);
    return provider && { provider, model };
  }

  return { providers, get, split };
}
