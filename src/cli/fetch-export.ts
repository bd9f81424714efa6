import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { RatchetError, isErrno } from '../core/errors.ts';

/** What the manifest of an export says. */
export interface FetchedExport {
  digest: string;
  files: { name: string; rows: number; digest: string }[];
  left_out: Record<string, number>;
  reduced: Record<string, number>;
}

/** A manifest as far as it is checked. */
interface Manifest {
  files: { name: string; digest: string }[];
}

export interface Place {
  /** The option that names it, for who has to name another. */
  option: string;
  /** Whether an earlier export there is replaced. */
  replace?: boolean;
  /** Only this file is wanted, at the place itself. */
  file?: string;
  onBytes?: (bytes: number) => void;
}

/**
 * Writes an export that comes as a tar to a folder that is not there yet: aside, checked against its manifest, then renamed
 * into place. Conflict when the folder is there or the export was cut off.
 */
export async function fetchExport<M extends Manifest = FetchedExport>(
  body: ReadableStream<Uint8Array> | null,
  path: string,
  place: Place = { option: '--output' },
): Promise<M> {
  const target = resolve(path);
  await assertFree(path, place).catch(async (error: unknown) => {
    await body?.cancel();
    throw error;
  });
  await mkdir(dirname(target), { recursive: true });
  const aside = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
  await mkdir(aside);
  try {
    await unpack(body, aside, place.onBytes);
    const fetched = await check<M>(aside);
    await moveTo(target, aside, place.file);
    return fetched;
  } catch (cause) {
    await rm(aside, { recursive: true, force: true });
    if (isErrno(cause, 'ENOSPC')) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RatchetError('Conflict', `The export was cut off (${reason}): run it again.`, { cause });
  }
}

/** Throws Conflict where something is that is not to be replaced, or is no export. */
export async function assertFree(path: string, { option, replace = false, file }: Place): Promise<void> {
  const target = resolve(path);
  const found = await stat(target).catch(() => null);
  if (found === null) return;
  if (!replace) {
    const force = option === '--out' ? ', or replace it with --force' : '';
    throw new RatchetError('Conflict', `${path} is there already: name another ${what(file)} with ${option}${force}.`);
  }
  const fits = file === undefined ? await isExport(target) : found.isFile();
  if (fits) return;
  throw new RatchetError('Conflict', `${path} is no export, and is not replaced: name another place with ${option}.`);
}

function what(file: string | undefined): string {
  return file === undefined ? 'folder' : 'file';
}

async function isExport(folder: string): Promise<boolean> {
  try {
    const { files } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Partial<Manifest>;
    return Array.isArray(files);
  } catch {
    return false;
  }
}

/** What was there is renamed away first: at no moment is half an export at the place. */
async function moveTo(target: string, aside: string, file: string | undefined): Promise<void> {
  if (file !== undefined) {
    await rename(join(aside, file), target);
    await rm(aside, { recursive: true, force: true });
    return;
  }
  const old = `${aside}.old`;
  const replaced = await rename(target, old).then(
    () => true,
    () => false,
  );
  await rename(aside, target);
  if (replaced) await rm(old, { recursive: true, force: true });
}

/** Files alone, none outside the folder. */
async function unpack(
  body: ReadableStream<Uint8Array> | null,
  folder: string,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<void> {
  const entries = extract();
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      onBytes((bytes += chunk.length));
      done(null, chunk);
    },
  });
  const fed = pipeline(body ? Readable.fromWeb(body) : Readable.from([]), count, entries);
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

async function check<M extends Manifest>(folder: string): Promise<M> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as M;
  for (const { name, digest } of manifest.files) {
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(folder, basename(name))), hash);
    if (hash.digest('hex') !== digest) throw new Error(`${name} is not what the manifest says`);
  }
  return manifest;
}
