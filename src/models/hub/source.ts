import { constants } from 'node:fs';
import { copyFile, link, mkdir, readdir, realpath, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RatchetError } from '../../core/errors.ts';
import { nameSchema } from '../../core/recipe.ts';
import { digestJson } from '../../store/digest.ts';
import type { BaseOrigin } from '../bases.ts';
import type { Hub } from './client.ts';
import { download } from './download.ts';

export interface SourceFile {
  path: string;
  /** Bytes. */
  size: number;
}

/** Where to: the folder of whole files, and the one of those that have not come yet. */
export interface Bringing {
  into: string;
  parts: string;
  signal: AbortSignal;
  /** Bytes of the file that are there. */
  onBytes: (bytes: number) => void;
}

/** Something that a base can be made of: files without folders. */
export interface BaseSource {
  files: readonly SourceFile[];
  /** Names what the files hold: what has come of the same is gone on with. */
  key: string;
  /** What so many bytes of it take on the disk where they are brought. */
  room(bytes: number): number;
  /** As far as it is known by now. */
  origin(): BaseOrigin | null;
  /** Gets a file, from where an earlier attempt was cut. */
  bring(path: string, place: Bringing): Promise<void>;
}

/** A folder of this machine; its files are linked where it is on the same disk, else copied. */
export async function folderSource(folder: string): Promise<BaseSource> {
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw new RatchetError('InvalidInput', `There is no folder ${folder}: name one that is there.`, { cause });
  });
  const files: SourceFile[] = [];
  for (const path of entries.sort()) {
    const found = await stat(join(folder, path)).catch(() => null);
    if (found?.isFile()) files.push({ path, size: found.size });
  }
  let linked = false;
  return {
    files,
    room: (bytes) => (linked ? 0 : bytes),
    key: digestJson({ folder: await realpath(folder), files: files.map(({ path, size }) => ({ path, size })) }),
    origin: () => null,
    async bring(path, { into, onBytes }) {
      const target = join(into, path);
      linked = await linkFile(join(folder, path), target);
      onBytes((await stat(target)).size);
    },
  };
}

/** Whether it could be linked. Names that lead elsewhere are followed: a base holds its files itself. */
async function linkFile(path: string, target: string): Promise<boolean> {
  const file = await realpath(path);
  // A half copy of an attempt that was killed.
  await rm(target, { force: true });
  try {
    await link(file, target);
    return true;
  } catch {
    await copyFile(file, target, constants.COPYFILE_FICLONE);
    return false;
  }
}

/** A repository of a hub, at a revision. */
export async function hubSource(
  { hub, waits }: { hub: Hub; waits?: readonly number[] },
  { id, revision, signal }: { id: string; revision: string; signal: AbortSignal },
): Promise<BaseSource> {
  assertHubId(id);
  const listed = (await hub.tree(id, revision, signal)).filter(({ path }) => !path.includes('/'));
  const byPath = new Map(listed.map((file) => [file.path, file]));
  let commit: string | null = null;
  return {
    files: listed,
    room: (bytes) => bytes,
    key: digestJson({ id, files: listed.map(({ path, size, oid }) => ({ path, size, oid })) }),
    origin: () => ({ hub: id, revision: commit ?? revision }),
    async bring(path, { into, parts, ...rest }) {
      const file = byPath.get(path);
      if (!file) throw new RatchetError('NotFound', `${id} has no ${path}: look at its files.`);
      const place = { hub, id, revision: commit ?? revision, file, folder: into, parts, ...(waits && { waits }) };
      commit = (await download({ ...place, ...rest })) ?? commit;
    },
  };
}

function assertHubId(id: string): void {
  if (/^[\w][\w.-]{0,95}(?:\/[\w][\w.-]{0,95})?$/.test(id) && !id.includes('..')) return;
  throw new RatchetError(
    'InvalidInput',
    `"${id.slice(0, 200)}" is neither a folder nor a model of a hub: write it as Qwen/Qwen2.5-0.5B-Instruct, or ./folder.`,
  );
}

/** The name of a base, made of what it is from: `qwen2.5-0.5b-instruct`. */
export function baseNameOf(from: string): string {
  const name = basename(from)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/\.{2,}/g, '.')
    .slice(0, 64)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  if (nameSchema.safeParse(name).success) return name;
  throw new RatchetError('InvalidInput', `No name can be made of "${from.slice(0, 200)}": give one with --name.`);
}

/** Makes the two folders of an attempt, under a folder that names what is brought. */
export async function openBringing(aside: string, name: string): Promise<{ into: string; parts: string }> {
  const places = { into: join(aside, name), parts: join(aside, '.parts') };
  for (const folder of Object.values(places)) await mkdir(folder, { recursive: true });
  return places;
}
