import { Worker } from 'node:worker_threads';
import { sqliteError } from './errors.ts';
import { resultCode } from './result-code.ts';

/** Runs a thread that does one thing with a database file and tells how it went. */
export async function runOnFile<T>(name: 'check-worker' | 'tidy-worker', path: string): Promise<T> {
  const file = new URL(`./${name}.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
  return new Promise<T>((resolve, reject) => {
    const worker = new Worker(file, { workerData: path });
    worker.once('message', resolve);
    worker.once('error', (error) => reject(sqliteError(resultCode(error), error.message, path, error)));
  });
}
