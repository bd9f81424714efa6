import { unavailable } from '../database.ts';
import { runOnFile } from './one-act.ts';

/** Reads the whole file of a database. Throws StoreUnavailable with what SQLite's `integrity_check` finds, ten faults at most. */
export async function checkDatabaseFile(path: string): Promise<void> {
  const faults = await runOnFile<string[]>('check-worker', path);
  if (faults.join() !== 'ok') throw unavailable(`${path} is damaged (${faults.join('; ')}): restore it from a backup.`);
}
