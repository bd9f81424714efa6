import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { RatchetError, isErrno } from '../core/errors.ts';
import { sha256Hex } from '../store/digest.ts';
import { writeFileDurably } from '../store/files.ts';
import { watchFile } from '../watched-file.ts';

/** What `model_select.json` says, as written there. */
export interface Selection {
  provider: string;
  model: string;
}

/** The selection file as it is now. */
export interface SelectionFile {
  selection: Selection;
  /** Key for the provider, where the file holds one. Never logged, never copied elsewhere. */
  apiKey: string | null;
  /** SHA-256 of the file's bytes. */
  digest: string;
}

const schema = z.looseObject({
  provider: z.string().trim().min(1),
  model: z.string().trim().min(1),
  api_key: z.string().nullish(),
});

/** Reads the selection file; null when there is none. InvalidInput, with what is wrong, when it is not a selection. */
export async function readSelection(path: string): Promise<SelectionFile | null> {
  const bytes = await readFile(path).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  });
  return bytes === null ? null : selectionIn(path, bytes);
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
export function selectionBytes({ provider, model }: Selection): string {
  return `${JSON.stringify({ provider, model }, null, 2)}\n`;
}

/** SHA-256 of {@link selectionBytes}. */
export function selectionDigest(selection: Selection): string {
  return sha256Hex(selectionBytes(selection));
}

/**
 * The model ref `provider/model` that a selection means. `{"provider":"litellm"}` is LiteLLM's library: its model names a
 * provider first (`ollama/qwen2.5:0.5b`), or is a bare name of OpenAI or Anthropic.
 */
export function selectionRef({ provider, model }: Selection): string {
  if (provider !== 'litellm') return `${provider}/${model}`;
  const slash = model.indexOf('/');
  if (slash <= 0) return `${model.startsWith('claude') ? 'anthropic' : 'openai'}/${model}`;
  const named = model.slice(0, slash);
  return `${named === 'ollama_chat' ? 'ollama' : named}/${model.slice(slash + 1)}`;
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
  const { provider, model, api_key } = parseSelection(path, bytes.toString('utf8'));
  return { selection: { provider, model }, apiKey: api_key ? api_key : null, digest: sha256Hex(bytes) };
}

function parseSelection(path: string, text: string): z.infer<typeof schema> {
  const fix = 'correct it, or remove it and select a model again';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message would quote the file, in which a key may stand.
    throw new RatchetError('InvalidInput', `${path} is not valid JSON: ${fix}.`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`).join('; ');
  throw new RatchetError('InvalidInput', `${path} does not name a provider and a model (${faults}): ${fix}.`);
}
