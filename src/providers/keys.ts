import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { RatchetError, isErrno } from '../core/errors.ts';
import { writeFileDurably } from '../store/files.ts';

/** Keys of providers that Ratchet keeps in a file of its own. They never leave it but for the provider. */
export interface ProviderKeys {
  /**
   * The key that is kept for a provider; null when there is none. Synchronous; the file is read no more than once a second.
   * InvalidInput when others than its owner may read the file, or it is no file of keys.
   */
  get(provider: string): string | null;
}

const schema = z.record(z.string(), z.string().min(1));
const readEveryMs = 1_000;

/** Creates a reader of the file of keys, which need not be there. */
export function createProviderKeys(file: string, now: () => number = () => performance.now()): ProviderKeys {
  let readAt = Number.NEGATIVE_INFINITY;
  let known: ReadonlyMap<string, string> = new Map();
  return {
    get(provider) {
      if (now() - readAt >= readEveryMs) {
        known = readProviderKeys(file);
        readAt = now();
      }
      return known.get(provider) ?? null;
    },
  };
}

/** Every key by the provider's name. */
export function readProviderKeys(file: string): Map<string, string> {
  let text: string;
  try {
    const { mode } = statSync(file);
    // Windows has no such modes.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const now = (mode & 0o777).toString(8);
      throw new RatchetError(
        'InvalidInput',
        `${file} may be read by others than its owner (its mode is ${now}), and it holds keys: run "chmod 600 ${file}".`,
      );
    }
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return new Map();
    throw error;
  }
  return new Map(Object.entries(parseKeys(text, file)));
}

/** Keeps a key, or forgets it when `key` is null. The file is written aside, synced and renamed, with mode 0600. */
export async function writeProviderKey(file: string, provider: string, key: string | null): Promise<void> {
  const keys = readProviderKeys(file);
  if (key === null) keys.delete(provider);
  else keys.set(provider, checkKey(key));
  await writeFileDurably(file, `${JSON.stringify(Object.fromEntries(keys), null, 2)}\n`, 0o600);
}

/** A key as it may stand in a header. The error does not quote it. */
function checkKey(key: string): string {
  const trimmed = key.trim();
  if (/^[\x21-\x7e]{8,4096}$/.test(trimmed)) return trimmed;
  throw new RatchetError(
    'InvalidInput',
    'That is no API key: give one line of at least 8 letters, digits and signs, without spaces.',
  );
}

/** What is wrong with the file is not quoted: it holds keys. */
function parseKeys(text: string, file: string): z.infer<typeof schema> {
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch {
    // Said below: the parser's own message would quote the text.
  }
  throw new RatchetError(
    'InvalidInput',
    `${file} is not a JSON object of provider names and keys: remove it, then run "ratchet provider-key set" again.`,
  );
}
