import type { ProviderDefinition } from './definition.ts';
import { kinds } from './kinds/all.ts';
import { libraryRef } from './names.ts';
import type { Provider } from './types.ts';

/** A provider together with its own name for a model. */
export interface Target {
  provider: Provider;
  model: string;
  /** A key that the name brings along, for a provider that has none of its own. */
  apiKey?: string;
}

export interface Registry {
  /** In the order in which a bare model name is looked for. */
  readonly providers: readonly Provider[];
  get(name: string): Provider | null;
  /**
   * Splits a model ref `provider/model`, as LiteLLM writes it; null when it does not begin with a provider's name.
   * `litellm/…` means what the library means by the rest, unless there is a proxy.
   */
  split(ref: string): Target | null;
}

/** The one place where providers are found by name. */
export function createRegistry(
  providers: readonly Provider[],
  definitions: readonly ProviderDefinition[] = kinds,
): Registry {
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  const kindOf = new Map(definitions.flatMap(({ kind, aliases = [] }) => aliases.map((alias) => [alias, kind])));
  const nameOf = (name: string): string => (byName.has(name) ? name : (kindOf.get(name) ?? name));
  const get = (name: string): Provider | null => byName.get(nameOf(name)) ?? null;

  function split(ref: string): Target | null {
    const slash = ref.indexOf('/');
    if (slash < 1 || slash === ref.length - 1) return null;
    const [prefix, model] = [ref.slice(0, slash), ref.slice(slash + 1)];
    const provider = get(prefix);
    const { proxy } = provider ?? {};
    const isLibrary = nameOf(prefix) === 'litellm' && (!provider || proxy?.stands() === false);
    if (isLibrary) return throughLibrary(model, proxy?.apiKey() ?? null);
    return provider && { provider, model };
  }

  function throughLibrary(model: string, apiKey: string | null): Target | null {
    // A provider of that very name goes before what the prefix is an alias of.
    const target = split(model) ?? split(libraryRef(model));
    if (!target || apiKey === null || target.provider.setUp().state !== 'missing') return target;
    return { ...target, apiKey };
  }

  return { providers, get, split };
}
