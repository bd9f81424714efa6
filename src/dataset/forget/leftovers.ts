import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../core/errors.ts';
import { fileHolds } from '../../store/scrub.ts';

/**
 * Removes what builds and exports left beside the versions when their process died: hidden entries that hold one of these texts,
 * and every export, since its files may be packed. A build that is at work on it right now fails, as it must. Gives the paths.
 */
export async function removeLeftovers(datasetsDir: string, texts: readonly string[], look = false): Promise<string[]> {
  const removed: string[] = [];
  for (const path of await hiddenIn(datasetsDir)) {
    if (!path.includes('/.exporting-') && !(await holds(path, texts))) continue;
    removed.push(path);
    if (!look) await rm(path, { recursive: true, force: true });
  }
  return removed.sort();
}

async function hiddenIn(datasetsDir: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await entriesOf(datasetsDir)) {
    const path = join(datasetsDir, entry.name);
    if (entry.name.startsWith('.')) found.push(path);
    else if (entry.isDirectory()) {
      const inside = (await entriesOf(path)).filter(({ name }) => name.startsWith('.'));
      found.push(...inside.map(({ name }) => join(path, name)));
    }
  }
  return found;
}

async function holds(path: string, texts: readonly string[]): Promise<boolean> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => null);
  const files = entries ? entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name)) : [path];
  for (const file of files) if (await fileHolds(file, texts)) return true;
  return false;
}

async function entriesOf(folder: string) {
  return readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
}
