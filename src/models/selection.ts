import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { RatchetError, isErrno } from '../core/errors.ts';
import { parseJsonText } from '../core/json-text.ts';
import { variableNameFault } from '../core/setting-checks.ts';
import { libraryRef } from '../providers/names.ts';
import { sha256Hex } from '../store/digest.ts';
import { writeFileDurably } from '../store/files.ts';
import { watchFile } from '../watched-file.ts';

/** What `model_select.json` says, as written there. */
export interface Selection {
  provider: string;
  model: string;
  /** Name of the variable that holds the provider's key, where the file names one. */
  apiKeyEnv?: string | undefined;
}

/** The selection file as it is now. */
export interface SelectionFile {
  selection: Selection;
  /** Key for the provider, where the file holds one. Never logged, never copied elsewhere. */
  apiKey: string | null;
  /** SHA-256 of the file's bytes. */
  digest: string;
}

const name = z.string().trim().min(1);
const schema = z
  .looseObject({
    provider: name,
    model: name.nullish(),
    /** What other programs call a model that is a folder. */
    modelpath: name.nullish(),
    api_key: z.string().nullish(),
    api_key_env: z
      .string()
      .superRefine((value, context) => {
        const message = variableNameFault(value);
        if (message !== null) context.addIssue({ code: 'custom', message });
      })
      .nullish(),
  })
  .transform(({ provider, model, modelpath, api_key, api_key_env }, context) => {
    const named = model ?? modelpath;
    if (named === null || named === undefined) {
      context.addIssue({ code: 'custom', path: ['model'], message: 'name the model' });
      return z.NEVER;
    }
    const apiKeyEnv = api_key_env ? { apiKeyEnv: api_key_env } : {};
    return { selection: { provider, model: named, ...apiKeyEnv }, apiKey: api_key ? api_key : null };
  });

/** Reads the selection file; null when there is none. InvalidInput, with what is wrong, when it is not a selection. */
export async function readSelection(path: string): Promise<SelectionFile | null> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  });
  return bytes === null ? null : selectionIn(path, bytes);
}

/** As {@link readSelection}, at once. */
export function readSelectionNow(path: string): SelectionFile | null {
  try {
    return selectionIn(path, readFileSync(path));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** The selection as every chat asks for it. */
export interface SelectionReader {
  /** As {@link readSelection}, without waiting: the file is looked at no more than twenty times a second. */
  current(): SelectionFile | null;
  /** Lets the next call look: this process has just written the file. */
  written(): void;
}

const lookEveryMs = 50;

/** Creates a reader of the selection file. A file that is no selection throws until it is one, and is looked at each time. */
export function createSelectionReader(path: string, now?: () => number): SelectionReader {
  const watched = watchFile({ file: path, everyMs: lookEveryMs, ...(now && { now }) });
  let known: SelectionFile | null = null;
  return {
    current() {
      const news = watched.news();
      if (!news) return known;
      try {
        if ('error' in news) throw news.error;
        known = news.bytes === null ? null : selectionIn(path, news.bytes);
        return known;
      } catch (error) {
        watched.forget();
        throw error;
      }
    },
    written: () => watched.expectNews(),
  };
}

/** Writes the selection file aside, synced and renamed, readable by its owner only. */
export async function writeSelection(path: string, selection: Selection): Promise<void> {
  await writeFileDurably(path, selectionBytes(selection), 0o600);
}

/** The bytes of a selection file that Ratchet writes: equal selections give equal bytes, and there is no key in them. */
export function selectionBytes({ provider, model, apiKeyEnv }: Selection): string {
  return `${JSON.stringify({ provider, model, api_key_env: apiKeyEnv }, null, 2)}\n`;
}

/** A selection that names its key's variable as the one before did, where both are of one provider. */
export function withKeyNameOf(
  selection: Selection,
  before: Selection | undefined,
  refOf: (selection: Selection) => string = selectionRef,
): Selection {
  if (selection.apiKeyEnv !== undefined || before?.apiKeyEnv === undefined) return selection;
  const providerOf = (one: Selection) => refSelection(refOf(one)).provider;
  return providerOf(selection) === providerOf(before) ? { ...selection, apiKeyEnv: before.apiKeyEnv } : selection;
}

/** SHA-256 of {@link selectionBytes}. */
export function selectionDigest(selection: Selection): string {
  return sha256Hex(selectionBytes(selection));
}

/**
 * The model ref `provider/model` that a selection means, so that two ways to write the same are equal.
 * `{"provider":"litellm"}` is LiteLLM's library here, whether a proxy stands in for it or not.
 */
export function selectionRef({ provider, model }: Selection): string {
  return provider === 'litellm' ? libraryRef(model) : `${provider}/${model}`;
}

/** The selection that a model ref `provider/model` means. InvalidInput when it is not a ref. */
export function refSelection(ref: string): Selection {
  const slash = ref.indexOf('/');
  if (slash <= 0 || slash === ref.length - 1) {
    throw new RatchetError('InvalidInput', `"${ref}" does not name a provider: write it as "provider/model".`);
  }
  return { provider: ref.slice(0, slash), model: ref.slice(slash + 1) };
}

function selectionIn(path: string, bytes: Buffer): SelectionFile {
  return { ...parseSelection(path, bytes.toString('utf8')), digest: sha256Hex(bytes) };
}

function parseSelection(path: string, text: string): z.infer<typeof schema> {
  const fix = 'correct it, or remove it and select a model again';
  const read = parseJsonText(text);
  if ('fault' in read) {
    const details = { faults: [`it ${read.fault}`] };
    throw new RatchetError('InvalidInput', `${path} ${read.fault}: ${fix}.`, { details });
  }
  const parsed = schema.safeParse(read.value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`);
  const message = `${path} does not name a provider and a model (${faults.join('; ')}): ${fix}.`;
  throw new RatchetError('InvalidInput', message, { details: { faults } });
}
