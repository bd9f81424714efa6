import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { asRatchetError } from '../core/errors.ts';
import type { Check } from '../setup/check.ts';
import { createBlobStore } from '../store/blobs.ts';
import { checkDatabaseFile } from '../store/sqlite/check.ts';
import { splitAdvice } from './split-advice.ts';

/**
 * Reads all that is kept: SQLite's file by its own check, and every blob against its digest. Nothing is opened for writing, so
 * that it can be done while Ratchet runs. PostgreSQL checks its pages itself.
 */
export async function checkKept(
  { dataDir, databaseUrl }: Pick<Config, 'dataDir' | 'databaseUrl'>,
  tell: (line: string) => void,
): Promise<Check[]> {
  const database = databaseUrl === null ? [await checkDatabase(join(dataDir, 'ratchet.db'), tell)] : [];
  return [...database, await checkBlobs(dataDir, tell)];
}

async function checkDatabase(path: string, tell: (line: string) => void): Promise<Check> {
  if (!existsSync(path)) return { name: 'database', state: 'ok', message: 'nothing was recorded yet', fix: null };
  tell(`Reading ${path} …`);
  try {
    await checkDatabaseFile(path);
    return { name: 'database', state: 'ok', message: `${path} is whole`, fix: null };
  } catch (error) {
    return failed('database', asRatchetError(error).message);
  }
}

async function checkBlobs(dataDir: string, tell: (line: string) => void): Promise<Check> {
  tell('Reading blobs …');
  const blobs = createBlobStore(dataDir);
  const faults: string[] = [];
  let count = 0;
  for await (const digest of blobs.digests()) {
    count += 1;
    await blobs.get(digest).catch((error: unknown) => void faults.push(asRatchetError(error).message));
  }
  const [first] = faults;
  if (first === undefined) return { name: 'blobs', state: 'ok', message: `${count} blobs are whole`, fix: null };
  const found = failed('blobs', first);
  if (faults.length === 1) return found;
  return { ...found, message: `${found.message}, and ${faults.length - 1} more of ${count} are damaged` };
}

/** What an error of ours says. */
function failed(name: string, text: string): Check {
  const [message, fix] = splitAdvice(text);
  return { name, state: 'failed', message, fix };
}
