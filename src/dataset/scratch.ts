import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isLeftBehind, ownedName } from './owned.ts';

const prefix = '.building-';

/**
 * Makes a folder for a build, beside the versions so that no text goes elsewhere; the caller removes it. What builds that were
 * killed left behind is taken away.
 */
export async function makeScratch(datasetsDir: string): Promise<string> {
  const folder = join(datasetsDir, ownedName(prefix));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(datasetsDir)) {
    if (!name.startsWith(prefix) || !isLeftBehind(datasetsDir, name)) continue;
    await rm(join(datasetsDir, name), { recursive: true, force: true });
  }
  return folder;
}

/** Where what is said of rows is kept for the next build. */
export function buildCacheFolder(dataDir: string): string {
  return join(dataDir, 'build-cache');
}
