import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from '../store/ids.ts';

const prefix = '.building-';
/** What a build that was killed left behind is taken away after so long, in ms. */
const leftBehind = 24 * 3_600_000;

/** Makes a folder for a build, beside the versions so that no text goes elsewhere; the caller removes it. */
export async function makeScratch(datasetsDir: string): Promise<string> {
  const folder = join(datasetsDir, `${prefix}${uuidv7()}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(datasetsDir)) {
    if (name.startsWith(prefix)) await removeOld(join(datasetsDir, name));
  }
  return folder;
}

async function removeOld(folder: string): Promise<void> {
  const { mtimeMs } = await stat(folder).catch(() => ({ mtimeMs: Date.now() }));
  if (Date.now() - mtimeMs > leftBehind) await rm(folder, { recursive: true, force: true });
}

/** Where what is said of rows is kept for the next build. */
export function buildCacheFolder(dataDir: string): string {
  return join(dataDir, 'build-cache');
}
