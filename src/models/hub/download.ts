import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { RatchetError, asRatchetError, isErrno } from '../../core/errors.ts';
import { readSource } from '../import-sources.ts';
import type { Hub, HubFile } from './client.ts';

export interface Download {
  hub: Hub;
  id: string;
  revision: string;
  file: HubFile;
  /** Where the whole file goes. */
  folder: string;
  /** Where the part of it is that has come; another folder than the whole ones are in. */
  parts: string;
  /** How long to wait before each further try without a byte between, in ms. */
  waits?: readonly number[];
  signal?: AbortSignal | undefined;
  /** Bytes of the file that are there. */
  onBytes?: (bytes: number) => void;
}

const usualWaits = [1_000, 3_000, 10_000, 30_000];

/**
 * Fetches one file, from where an earlier attempt was cut; the whole is checked before it has its name. Gives the commit
 * that it is of, null where that is not known. Conflict where it is not what the hub says it is.
 */
export async function download(asked: Download): Promise<string | null> {
  const { file, folder, parts, onBytes } = asked;
  const target = join(folder, file.path);
  if ((await sizeOf(target)) === file.size) {
    onBytes?.(file.size);
    return null;
  }
  const part = join(parts, `${file.path}.part`);
  const commit = await untilWhole(asked, part);
  await check(file, part);
  await rename(part, target);
  return commit;
}

async function untilWhole(asked: Download, part: string): Promise<string | null> {
  const { file, waits = usualWaits, signal } = asked;
  let commit: string | null = null;
  for (let tries = 0; ; ) {
    const before = await sizeOf(part);
    if (before === file.size && before > 0) return commit;
    try {
      commit = (await append(asked, part, before < file.size ? before : 0)) ?? commit;
      return commit;
    } catch (error) {
      signal?.throwIfAborted();
      const after = await sizeOf(part);
      tries = after > before ? 0 : tries + 1;
      const wait = waits[tries];
      if (wait === undefined || !isPassing(error)) throw error;
      await sleep(wait, undefined, signal && { signal });
    }
  }
}

/** A cut, or a hub that has no time: what a little patience helps against. */
function isPassing(error: unknown): boolean {
  if (isErrno(error, 'ENOSPC')) return false;
  const { code } = asRatchetError(error);
  return code === 'Bug' || code === 'ProviderUnavailable' || code === 'RateLimited';
}

async function append({ hub, id, revision, file, signal, onBytes }: Download, part: string, from: number) {
  const bytes = await hub.open({ id, revision, file: file.path }, from, signal);
  if (bytes.from !== 0 && bytes.from !== from) {
    await bytes.body.cancel();
    throw new RatchetError('ProviderRejected', `The hub sends ${file.path} from another place than was asked for.`);
  }
  let there = bytes.from;
  const count = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      there += chunk.length;
      onBytes?.(there);
      done(there > file.size ? tooLong(file) : null, chunk);
    },
  });
  const out = createWriteStream(part, { flags: there > 0 ? 'a' : 'w', flush: true });
  await pipeline(Readable.fromWeb(bytes.body), count, out, { signal });
  if (there < file.size) throw new RatchetError('ProviderUnavailable', `The hub ended in the middle of ${file.path}.`);
  return bytes.commit;
}

function tooLong({ path, size }: HubFile): RatchetError {
  return new RatchetError('Conflict', `${path} has more than the ${size} bytes that the hub lists: run it again.`);
}

async function check({ path, sha256, size }: HubFile, part: string): Promise<void> {
  if (sha256 === null) return;
  const found = await readSource(part);
  if (found.digest === sha256 && found.size === size) return;
  await rm(part, { force: true });
  throw new RatchetError(
    'Conflict',
    `${path} has the checksum ${found.digest} instead of ${sha256} and was thrown away: run it again.`,
  );
}

/** Bytes of a file; 0 where there is none. */
async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
