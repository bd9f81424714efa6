import type { Config } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import type { CatalogueEntry } from '../models/catalogue-entry.ts';
import type { CatalogueReader } from '../models/catalogue.ts';
import {
  type Selection,
  type SelectionFile,
  type SelectionReader,
  refSelection,
  selectionRef,
} from '../models/selection.ts';
import { libraryRef } from '../providers/names.ts';
import type { Registry } from '../providers/registry.ts';

/** The model that `active` means, with the key that comes along with it. */
export interface Active extends Pick<Selection, 'provider' | 'model'> {
  apiKey?: string;
}

interface ActiveDeps {
  config: Pick<Config, 'llmModel' | 'selectionFile' | 'variable'>;
  selection: Pick<SelectionReader, 'current'>;
  catalogue: Pick<CatalogueReader, 'entries'>;
}

/**
 * Gives what counts as selected: the file's model, and where there is no file, the environment's. A file that is there but bad
 * is an error. The key is that of the variable that the file names, or the file's own, or the catalogue's for this model.
 *
 * Throws InvalidInput when the variable that the file names is not set, and the file holds no key.
 */
export function createActive({ config, selection, catalogue }: ActiveDeps): () => Active | null {
  const unselected = environmentSelection(config);
  let known: { file: SelectionFile; entries: readonly CatalogueEntry[]; active: Active } | null = null;
  return () => {
    const file = selection.current();
    if (!file) return unselected;
    const entries = catalogue.entries();
    if (known?.file !== file || known.entries !== entries) {
      known = { file, entries, active: activeIn(file, entries, config) };
    }
    return known.active;
  };
}

function activeIn(file: SelectionFile, entries: readonly CatalogueEntry[], config: ActiveDeps['config']): Active {
  const { provider, model, apiKeyEnv } = file.selection;
  const named = apiKeyEnv === undefined ? undefined : config.variable(apiKeyEnv);
  const apiKey = named ?? file.apiKey ?? catalogueKey(entries, file.selection);
  if (apiKeyEnv !== undefined && apiKey === null) {
    const message = `${config.selectionFile} names the variable ${apiKeyEnv} for the key of ${provider}, and it is not set: set it, or name another.`;
    throw new RatchetError('InvalidInput', message);
  }
  return { provider, model, ...(apiKey !== null && { apiKey }) };
}

/**
 * The model ref that a selection means: with a proxy of LiteLLM that somebody named, its models are its own. One that is only
 * looked for comes and goes, and must not look like another selection.
 */
export function refIn(registry: Pick<Registry, 'get'>, selection: Selection): string {
  const isNamed = selection.provider === 'litellm' && registry.get('litellm')?.setUp().state === 'given';
  return isNamed ? `litellm/${selection.model}` : selectionRef(selection);
}

/** The model of LLM_MODEL; null where it is not set. */
function environmentSelection({ llmModel }: Pick<Config, 'llmModel'>): Selection | null {
  return llmModel === null ? null : refSelection(libraryRef(llmModel));
}

/** Model ref that counts as selected as long as nothing is; null where the environment names none. */
export function unselectedRef(config: Pick<Config, 'llmModel'>): string | null {
  const selection = environmentSelection(config);
  return selection && selectionRef(selection);
}

/** What holds where the settings file says nothing: the fallback of the environment. */
export function environmentDefaults({ llmFallbackModel }: Pick<Config, 'llmFallbackModel'>): { fallback: string[] } {
  return { fallback: llmFallbackModel === null ? [] : [libraryRef(llmFallbackModel)] };
}

function catalogueKey(entries: readonly CatalogueEntry[], selection: Selection): string | null {
  const ref = selectionRef(selection);
  return entries.find((entry) => entry.ref === ref && entry.apiKey !== null)?.apiKey ?? null;
}
