import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../core/errors.ts';
import { baseCacheFolder, runFolder } from './make-job.ts';

/** What of a finished run holds no text and is still needed: the adapter, what it is, and what was logged. */
const kept = /^adapter$|\.(json|log|lock)$/;

/**
 * Removes what a run left that was made from its data: checkpoints, prepared data, merged weights. Gives the paths. The adapter
 * stays for the model that is served; {@link removeRun} takes it as well.
 */
export async function cleanRun(dataDir: string, cycleId: string, key: string, look = false): Promise<string[]> {
  const folder = runFolder(dataDir, cycleId, key);
  const paths = (await namesIn(folder)).filter((name) => !kept.test(name)).map((name) => join(folder, name));
  if (!look) for (const path of paths) await rm(path, { recursive: true, force: true });
  return paths;
}

/** Removes a run with its adapter; whether there was one. */
export async function removeRun(dataDir: string, cycleId: string, key: string): Promise<string | null> {
  const folder = runFolder(dataDir, cycleId, key);
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  if (isThere) await rm(folder, { recursive: true, force: true });
  return isThere ? folder : null;
}

/** Removes the tokens of datasets that jobs prepared; the next job makes anew what it needs. */
export async function removePreparedTokens(dataDir: string): Promise<void> {
  await rm(join(baseCacheFolder(dataDir), 'tokens'), { recursive: true, force: true });
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  return names.sort();
}
