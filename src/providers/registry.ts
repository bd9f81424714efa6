import { type Config, isLoopback } from '../config.ts';
import type { ProviderKeys } from './keys.ts';
import { createOllamaProvider } from './ollama.ts';
import { createOpenAiProvider } from './openai.ts';
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

/** LiteLLM's other names for what we know under one. */
const aliases: Readonly<Record<string, string>> = { ollama_chat: 'ollama' };

const openAiKeySetting = 'OPENAI_API_KEY, or run "ratchet provider-key set openai"';

/** The providers that the settings name. A key that is kept goes before one of the environment. */
export function providersOf(
  config: Pick<Config, 'ollamaUrl' | 'openai' | 'providerIdleMs'>,
  keys?: ProviderKeys,
): Provider[] {
  const kept = (name: string) => ({ name, ...(keys && { keptKey: () => keys.get(name) }) });
  // A model on this machine may think for as long as it likes.
  const idleMs = (url: string) => (isLoopback(new URL(url).hostname) ? 0 : config.providerIdleMs);
  return [
    createOllamaProvider({ ...kept('ollama'), baseUrl: config.ollamaUrl, idleMs: idleMs(config.ollamaUrl) }),
    createOpenAiProvider({
      ...kept('openai'),
      ...config.openai,
      keySetting: openAiKeySetting,
      idleMs: idleMs(config.openai.baseUrl),
    }),
  ];
}

/** The one place where providers are found by name. */
export function createRegistry(providers: readonly Provider[]): Registry {
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  const get = (name: string): Provider | null => byName.get(aliases[name] ?? name) ?? null;

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
