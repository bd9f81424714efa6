import { open as openFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql } from 'kysely';
import { type Database, statement, unavailable } from '../database.ts';
import type { Schema } from '../schema.ts';
import { sqliteError } from './errors.ts';
import { isBusy, resultCode } from './result-code.ts';
import { createRunner } from './statements.ts';
import { startWriter } from './writer.ts';

const readAttempts = 200;

/**
 * Opens a database file. Writes go through one worker thread; reads run here on a read-only connection, which the
 * write-ahead log keeps from ever waiting for a writer.
 */
export async function openSqlite(path: string, busyTimeoutMs = 30_000): Promise<Database> {
  await makePrivate(path);
  const writer = await startWriter({ path, busyTimeoutMs });
  const reader = await openReader(path).catch(async (error: unknown) => {
    await writer.close();
    throw error;
  });
  const run = createRunner(reader);
  let open = true;

  return {
    kind: 'sqlite',
    build: createBuilder(),
    clock: sql<number>`cast(unixepoch('subsec') * 1000 as integer)`,
    // BEGIN IMMEDIATE holds off every other writer already.
    schemaLock: [],
    read: async <T>(query: { compile(): { sql: string; parameters: readonly unknown[] } }) => {
      if (!open) throw unavailable('it is closed.');
      const compiled = statement(query as Parameters<typeof statement>[0]);
      return patiently(path, () => run(compiled.sql, compiled.parameters).rows as T[]);
    },
    write: (statements) => writer.write(statements),
    check: () => checkFile(path),
    close: async () => {
      if (open) reader.close();
      open = false;
      await writer.close();
    },
  };
}

/** Makes the file for its owner only; SQLite gives the log beside it the same rights. */
async function makePrivate(path: string): Promise<void> {
  try {
    await (await openFile(path, 'a', 0o600)).close();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw unavailable(`${path} cannot be opened (${message}): check the data folder and its rights.`, error);
  }
}

function createBuilder(): Kysely<Schema> {
  return new Kysely<Schema>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (build) => new SqliteIntrospector(build),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
}

async function openReader(path: string): Promise<DatabaseSync> {
  return patiently(path, () => new DatabaseSync(path, { readOnly: true, timeout: 0 }));
}

/** A reader meets a lock only for moments, while another process recovers or removes the log. */
async function patiently<T>(path: string, action: () => T): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return action();
    } catch (error) {
      const code = resultCode(error);
      const message = error instanceof Error ? error.message : String(error);
      if (!isBusy(code) || attempt === readAttempts) throw sqliteError(code, message, path, error);
    }
    await sleep(Math.min(attempt, 25));
  }
}

async function checkFile(path: string): Promise<void> {
  const file = import.meta.url.endsWith('.ts') ? './check-worker.ts' : './check-worker.js';
  const faults = await new Promise<string[]>((resolve, reject) => {
    const worker = new Worker(new URL(file, import.meta.url), { workerData: path });
    worker.once('message', resolve);
    worker.once('error', (error) => reject(sqliteError(resultCode(error), error.message, path, error)));
  });
  if (faults.join() !== 'ok') {
    throw unavailable(`${path} is damaged (${faults.join('; ')}): restore it from a backup.`);
  }
}
