import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../core/canonical.ts';
import { RatchetError, asRatchetError, isErrno } from '../core/errors.ts';
import { isDigest, sha256Hex } from './digest.ts';
import { writeFileDurably } from './files.ts';
import type { BlobStore } from './types.ts';

/** Blobs as files `<dataDir>/blobs/ab/<sha256>`. One that was erased holds a note of what stands in for it. */
export function createBlobStore(dataDir: string): BlobStore {
  async function put(bytes: Uint8Array | string): Promise<string> {
    const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    const digest = sha256Hex(buffer);
    const path = blobPath(dataDir, digest);
    try {
      const isThere = (await sizeOf(path)) === buffer.length && !(await isNote(path));
      if (!isThere) await writeFileDurably(path, buffer, 0o600);
    } catch (error) {
      throw asRatchetError(error);
    }
    return digest;
  }

  async function get(digest: string): Promise<Buffer> {
    const bytes = await readBlob(dataDir, digest);
    if (sha256Hex(bytes) === digest) return bytes;
    const note = noteIn(bytes);
    if (note?.instead) return get(note.instead);
    if (note) throw new RatchetError('NotFound', `What the blob ${digest} held was erased: make it again.`);
    throw new RatchetError(
      'Bug',
      `The blob ${digest} was changed on disk: restore ${blobPath(dataDir, digest)} from a backup.`,
    );
  }

  return {
    put,
    putJson: (value) => put(canonicalJson(value)),
    get,
    getJson: async <T>(digest: string) => JSON.parse((await get(digest)).toString('utf8')) as T,
    digests: () => digestsIn(dataDir),
    erase: async (digest, instead) => {
      const path = blobPath(dataDir, digest);
      if (!isDigest(digest) || (await sizeOf(path)) === null) return;
      const other = instead === undefined ? null : await put(instead);
      if (other === digest) return;
      await writeFileDurably(path, noteOf(other), 0o600);
    },
  };
}

/** How the note begins that stands in place of an erased blob. Its digest is another, so that it is taken for no blob. */
const erased = 'ratchet: erased';

function noteOf(instead: string | null): string {
  return instead === null ? `${erased}\n` : `${erased}, instead ${instead}\n`;
}

function noteIn(bytes: Buffer): { instead: string | null } | null {
  const text = bytes.length < 200 ? bytes.toString('utf8') : '';
  if (!text.startsWith(erased)) return null;
  return { instead: /^.*, instead ([0-9a-f]{64})\n$/.exec(text)?.[1] ?? null };
}

async function* digestsIn(dataDir: string): AsyncGenerator<string> {
  const folder = join(dataDir, 'blobs');
  for (const shelf of await namesIn(folder)) {
    for (const name of await namesIn(join(folder, shelf))) {
      if (isDigest(name) && !(await isNote(join(folder, shelf, name)))) yield name;
    }
  }
}

async function isNote(path: string): Promise<boolean> {
  const size = await sizeOf(path);
  return size === null || (size < 200 && noteIn(await readFile(path)) !== null);
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return [];
    throw error;
  });
}

async function readBlob(dataDir: string, digest: string): Promise<Buffer> {
  const missing = `There is no blob ${digest}: check that the data folder is the one that it was written to.`;
  if (!isDigest(digest)) throw new RatchetError('NotFound', missing);
  try {
    return await readFile(blobPath(dataDir, digest));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new RatchetError('NotFound', missing, { cause: error });
    throw asRatchetError(error);
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

function blobPath(dataDir: string, digest: string): string {
  return join(dataDir, 'blobs', digest.slice(0, 2), digest);
}
