import type { Config } from '../config.ts';
import { managementOf } from '../core/ollama-options.ts';
import type { Settings } from '../core/settings.ts';
import type { BaseRoots } from '../models/bases.ts';
import { type Jobs, createJobs } from '../models/ollama/jobs.ts';
import { type ModelManagement, createManagement } from '../models/ollama/management.ts';
import { pullsMissing } from '../models/ollama/missing.ts';
import { type OllamaClient, createOllamaClient } from '../models/ollama.ts';
import type { SelectionReader } from '../models/selection.ts';
import type { ProviderKeys } from '../providers/keys.ts';
import type { Provider } from '../providers/types.ts';
import type { SettingsReader } from '../settings.ts';
import type { Store } from '../store/types.ts';

/** What there is to manage the models of Ollama with. */
export interface OllamaRoom {
  client: OllamaClient;
  jobs: Jobs;
  management: ModelManagement;
  /** The same provider; Ollama's gets a model that is missing, where the settings say so. */
  pulling(provider: Provider): Provider;
}

export interface OllamaRoomDeps {
  client: OllamaClient;
  settings: Pick<SettingsReader, 'current'>;
  selection: SelectionReader;
  store: Pick<Store, 'cycles'>;
  baseRoots: BaseRoots;
  modelPrefix: string;
}

/** Where Ollama is: `providers.ollama.base_url` of the settings, else what the variables say. */
export function ollamaAddress({ ollamaUrl }: Pick<Config, 'ollamaUrl'>, settings: Settings): string {
  const said = settings.providers.get('ollama')?.baseUrl ?? ollamaUrl;
  return said.replace(/\/+$/, '').replace(/\/v1$/, '');
}

/** Clients of Ollama servers by their provider's name: `usual` for Ollama itself, others by where the settings have them. */
export function ollamaClients(
  usual: OllamaClient,
  settings: Pick<SettingsReader, 'current'>,
  keys: Pick<ProviderKeys, 'get'>,
): (provider: string) => OllamaClient {
  const others = new Map<string, OllamaClient>();
  return (provider) => {
    const said = settings.current().providers.get(provider)?.baseUrl;
    if (provider === 'ollama' || said === undefined) return usual;
    const url = said.replace(/\/+$/, '').replace(/\/v1$/, '');
    const known = others.get(provider);
    if (known?.url === url) return known;
    const made = createOllamaClient(url, () => keys.get(provider));
    others.set(provider, made);
    return made;
  };
}

/** Furnishes the management of the Ollama that is configured. */
export function openOllamaRoom({ client, settings, selection, ...rest }: OllamaRoomDeps): OllamaRoom {
  const jobs = createJobs();
  const inForce = () => managementOf(settings.current().providers.get('ollama')?.options);
  const management = createManagement({
    ...rest,
    ollama: client,
    jobs,
    selection: () => selection.current()?.selection ?? null,
    management: inForce,
  });
  const missing = { management: inForce, pull: management.pull, ended: jobs.ended };
  return {
    client,
    jobs,
    management,
    pulling: (provider) => (provider.name === 'ollama' ? pullsMissing(provider, missing) : provider),
  };
}
