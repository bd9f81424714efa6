import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { RatchetError } from '../core/errors.ts';

/** What the manifest of an export says. */
export interface FetchedExport {
  digest: string;
  files: { name: string; rows: number; digest: string }[];
  left_out: Record<string, number>;
  reduced: Record<string, number>;
}

/**
 * Writes an export that comes as a tar to a folder that is not there yet: aside, checked against its manifest, then renamed
 * into place. Conflict when the folder is there or the export was cut off.
 */
export async function fetchExport(body: ReadableStream<Uint8Array> | null, folder: string): Promise<FetchedExport> {
  const target = resolve(folder);
  if (await isThere(target)) {
    await body?.cancel();
    throw new RatchetError('Conflict', `${folder} is there already: name another folder with --output.`);
  }
  await mkdir(dirname(target), { recursive: true });
  const aside = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
  await mkdir(aside);
  try {
    await unpack(body, aside);
    const fetched = await check(aside);
    await rename(aside, target);
    return fetched;
  } catch (cause) {
    await rm(aside, { recursive: true, force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RatchetError('Conflict', `The export was cut off (${reason}): run it again.`, { cause });
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Files alone, none outside the folder. */
async function unpack(body: ReadableStream<Uint8Array> | null, folder: string): Promise<void> {
  const entries = extract();
  const fed = pipeline(body ? Readable.fromWeb(body) : Readable.from([]), entries);
  const read = async (): Promise<void> => {
    for await (const entry of entries) {
      const { name, type } = entry.header;
      if (type !== 'file' || name !== basename(name) || name.startsWith('.'))
        throw new Error(`"${name}" is no file name`);
      await pipeline(entry, createWriteStream(join(folder, name), { flags: 'wx' }));
    }
  };
  await Promise.all([fed, read()]);
}

async function check(folder: string): Promise<FetchedExport> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as FetchedExport;
  for (const { name, digest } of manifest.files) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(folder, basename(name))), hash);
    if (hash.digest('hex') !== digest) throw new Error(`${name} is not what the manifest says`);
  }
  return manifest;
}
