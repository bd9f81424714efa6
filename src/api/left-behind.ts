import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What is older was left by a process that died, in ms. */
const leftBehind = 24 * 3600 * 1000;

/** Removes what processes that died left of their exports: folders of this prefix that are a day old. */
export async function removeLeftBehind(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue;
    const { mtimeMs } = await stat(join(folder, name)).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > leftBehind) await rm(join(folder, name), { recursive: true, force: true });
  }
}
