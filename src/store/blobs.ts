import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../core/canonical.ts';
import { RatchetError, asRatchetError, isErrno } from '../core/errors.ts';
import { isDigest, sha256Hex } from './digest.ts';
import { writeFileDurably } from './files.ts';
import type { BlobStore } from './types.ts';

/** Blobs as files `<dataDir>/blobs/ab/<sha256>`. */
export function createBlobStore(dataDir: string): BlobStore {
  async function put(bytes: Uint8Array | string): Promise<string> {
    const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    const digest = sha256Hex(buffer);
    const path = blobPath(dataDir, digest);
    try {
      if ((await sizeOf(path)) !== buffer.length) await writeFileDurably(path, buffer, 0o600);
    } catch (error) {
      throw asRatchetError(error);
    }
    return digest;
  }

  async function get(digest: string): Promise<Buffer> {
    const bytes = await readBlob(dataDir, digest);
    if (sha256Hex(bytes) !== digest) {
      throw new RatchetError(
        'Bug',
        `The blob ${digest} was changed on disk: restore ${blobPath(dataDir, digest)} from a backup.`,
      );
    }
    return bytes;
  }

  return {
    put,
    putJson: (value) => put(canonicalJson(value)),
    get,
    getJson: async <T>(digest: string) => JSON.parse((await get(digest)).toString('utf8')) as T,
  };
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
