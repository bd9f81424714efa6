import { z } from 'zod';
import { variableNameFault } from '../core/setting-checks.ts';
import { type Selection, selectionRef } from './selection.ts';

/** One model of the catalogue. */
export interface CatalogueEntry {
  /** The clean name that menus show. */
  name: string;
  /** Every name by which clients may ask for it, `name` first. */
  names: readonly string[];
  /** What selecting it writes. */
  selection: Selection;
  /** The same as a model ref. */
  ref: string;
  /** Key for the provider, where the file holds one. Never logged, never copied elsewhere. */
  apiKey: string | null;
  /** The day since which no provider lists it; null as long as one does. */
  goneSince: string | null;
}

/** Fields that hold a name for people, the one that goes first first. */
export const nameFields = ['localname', 'display_name', 'displayName', 'label', 'title', 'name'] as const;

const text = z.string().trim();
const optional = text.nullish().transform((value) => (value ? value : undefined));

const schema = z.looseObject({
  provider: optional,
  model: optional,
  /** What some call a model that is a folder. */
  modelpath: optional,
  id: optional,
  /** LiteLLM's own list: a name, and behind it what is called. */
  model_name: optional,
  litellm_params: z
    .looseObject({ model: optional, api_key: optional })
    .nullish()
    .transform((value) => value ?? undefined),
  ...Object.fromEntries(nameFields.map((field) => [field, optional])),
  alias: z.union([text, z.array(text)]).nullish(),
  aliases: z.array(text).nullish(),
  api_key: optional,
  api_key_env: optional,
  gone_since: optional,
});

/**
 * Reads one entry of a catalogue, which may be written in many ways: a model ref, or an object that names provider and model.
 * `key` is its name where the catalogue is an object. What is wrong is a clause that quotes nothing of it.
 */
export function readEntry(raw: unknown, key: string | null): CatalogueEntry | { fault: string } {
  const parsed = schema.safeParse(typeof raw === 'string' ? { model: raw } : raw);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.join('.') ?? '';
    return { fault: `${place === '' ? '' : `${place}: `}${issue?.message ?? 'it is no model'}` };
  }
  const { data } = parsed;
  const selection = selectionOf(data, key);
  if ('fault' in selection) return selection;
  const named = nameFields.flatMap((field) => (typeof data[field] === 'string' ? [data[field]] : []));
  const others = [key, data.litellm_params && data.model_name, data.alias, data.aliases].flat();
  const names = [...new Set([...named, ...others])].filter((name) => typeof name === 'string' && name !== '');
  return {
    name: names[0] ?? selection.model,
    names: names.length > 0 ? (names as string[]) : [selection.model],
    selection,
    ref: selectionRef(selection),
    apiKey: data.api_key ?? data.litellm_params?.api_key ?? null,
    goneSince: data.gone_since ?? null,
  };
}

function selectionOf(data: z.infer<typeof schema>, key: string | null): Selection | { fault: string } {
  const { provider, api_key_env: apiKeyEnv } = data;
  const behind = data.litellm_params ? undefined : data.model_name;
  const named = typeof data['name'] === 'string' ? data['name'] : (key ?? undefined);
  const model = data.model ?? data.modelpath ?? data.litellm_params?.model ?? behind ?? data.id ?? named;
  if (model === undefined) return { fault: 'name its model' };
  const nameFault = apiKeyEnv === undefined ? null : variableNameFault(apiKeyEnv);
  if (nameFault !== null) return { fault: `api_key_env: ${nameFault}` };
  if (provider === undefined && !/^[^/]+\/.|^(?:gpt-|chatgpt-|claude-|o\d)/.test(model)) {
    return { fault: 'name its provider, or write the model as "provider/model"' };
  }
  return { provider: provider ?? 'litellm', model, ...(apiKeyEnv !== undefined && { apiKeyEnv }) };
}
