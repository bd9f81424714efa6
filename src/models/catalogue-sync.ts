import { type CatalogueEntry, nameFields } from './catalogue-entry.ts';
import type { CatalogueDocument } from './catalogue.ts';
import { refSelection } from './selection.ts';

/** What one provider lists now. */
export interface Listed {
  provider: string;
  /** Its own names of its models. */
  models: readonly string[];
}

/** What a sync comes to. */
export interface SyncResult {
  /** Model refs. */
  added: string[];
  gone: string[];
  back: string[];
  kept: string[];
  /** The file's new value. */
  value: unknown;
}

export interface SyncOptions {
  /** Null when there is no catalogue yet. */
  document: CatalogueDocument | null;
  /** Of the providers that could be asked; entries of others stay as they are. */
  listed: readonly Listed[];
  /** One way to write a model ref for all that mean the same model. */
  normal: (ref: string) => string;
  /** `2026-11-21`, for what is gone since today. */
  today: string;
}

type Item = CatalogueDocument['items'][number];

/**
 * Brings a catalogue up to date with what providers list. Names, aliases, order and every field of the user's stay; what is
 * gone is marked, never removed, and the mark is taken away when it is back.
 */
export function syncCatalogue({ document, listed, normal, today }: SyncOptions): SyncResult {
  const items = document?.items ?? [];
  const refs = listed.flatMap(({ provider, models }) => models.map((model) => `${provider}/${model}`));
  const form = (ref: string): string => withoutLatest(normal(ref));
  const there = new Set(refs.map(form));
  const asked = new Set(listed.map(({ provider }) => provider));
  const result: Omit<SyncResult, 'value'> = { added: [], gone: [], back: [], kept: [] };
  const raws = items.map((item) => {
    const ref = normal(item.entry.ref);
    const isThere = there.has(withoutLatest(ref));
    const isAsked = asked.has(refSelection(ref).provider);
    if (isThere && item.entry.goneSince !== null) return (result.back.push(ref), withoutMark(item.raw));
    if (isAsked && !isThere && item.entry.goneSince === null) return (result.gone.push(ref), withMark(item, today));
    result.kept.push(ref);
    return item.raw;
  });
  const known = new Set(items.map(({ entry }) => form(entry.ref)));
  const taken = new Set(items.flatMap(({ entry }) => entry.names));
  const fresh = refs.filter((ref) => !known.has(form(ref)));
  const added = fresh.map((ref) => {
    result.added.push(ref);
    const name = freeName(ref, taken);
    taken.add(name);
    return { key: name, raw: newItem(ref, name, items) };
  });
  const keyed = [...items.map(({ key }, at) => ({ key, raw: raws[at] })), ...added];
  const body = document?.isByName
    ? Object.fromEntries(keyed.map(({ key, raw }) => [key ?? '', raw]))
    : keyed.map(({ raw }) => raw);
  const isBare = document !== null && document.around === null;
  return { ...result, value: isBare ? body : { ...document?.around, models: body } };
}

/** Ollama lists `llama3:latest` for what people call `llama3`. */
function withoutLatest(ref: string): string {
  return ref.replace(/:latest$/, '');
}

/** The model's own name unless another has it already. */
function freeName(ref: string, taken: ReadonlySet<string>): string {
  const { provider, model } = refSelection(ref);
  return taken.has(model) ? `${model} (${provider})` : model;
}

/** A new entry, written as those that are there, or as the selectors of others read it. */
function newItem(ref: string, name: string, [first]: readonly Item[]): unknown {
  if (typeof first?.raw === 'string') return ref;
  const { provider, model } = refSelection(ref);
  const like = (first?.raw ?? { localname: '', internalprovider: '', stream: true }) as Record<string, unknown>;
  const nameField = nameFields.find((field) => field in like);
  return {
    ...(nameField !== undefined && { [nameField]: name }),
    provider,
    ...('internalprovider' in like && { internalprovider: driverOf(provider) }),
    model,
    ...('stream' in like && { stream: true }),
  };
}

/** The library by which those selectors ask a provider. */
function driverOf(provider: string): string {
  return provider === 'ollama' || provider === 'litgpt' ? provider : 'litellm';
}

function withMark({ raw, entry }: Item, today: string): unknown {
  if (typeof raw !== 'string') return { ...(raw as object), gone_since: today };
  // A text has no room for a mark.
  return { ...entry.selection, gone_since: today };
}

function withoutMark(raw: unknown): unknown {
  const { gone_since: _, ...rest } = raw as Record<string, unknown>;
  return rest;
}

/** The text of a catalogue, indented as the one before. */
export function catalogueText(value: unknown, before: string | null): string {
  const indent = /\n([ \t]+)\S/.exec(before ?? '')?.[1] ?? '    ';
  return `${JSON.stringify(value, null, indent)}\n`;
}

/** Whether a key stands in a catalogue, so that only its owner may read it. */
export function holdsKey(entries: readonly Pick<CatalogueEntry, 'apiKey'>[]): boolean {
  return entries.some(({ apiKey }) => apiKey !== null);
}
