import { open as openFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import {
  type Compilable,
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely';
import { type Database, type Statement, statement, unavailable } from '../database.ts';
import type { Schema } from '../schema.ts';
import { checkDatabaseFile } from './check.ts';
import { sqliteError } from './errors.ts';
import { runOnFile } from './one-act.ts';
import { readPatiently } from './patience.ts';
import { withJournal } from './journaled.ts';
import { createAsideReader } from './reader.ts';
import { resultCode } from './result-code.ts';
import { createRunner, rowsOf } from './statements.ts';
import { startWriter } from './writer.ts';

/** Each waits five seconds for readers. */
const emptyingAttempts = 6;

export interface SqliteOptions {
  /** How long a write waits for the lock of another process, in ms. 30 s unless given. */
  busyTimeoutMs?: number;
  /** `NORMAL` syncs no commit: what is acknowledged can be lost with the machine. `FULL` unless given. */
  synchronous?: 'FULL' | 'NORMAL';
}

/**
 * Opens a database file. Writes go through one worker thread, reads that may take long through another; short reads run
 * here on a read-only connection, which the write-ahead log keeps from ever waiting for a writer.
 */
export async function openSqlite(path: string, options: SqliteOptions = {}): Promise<Database> {
  const { busyTimeoutMs = 30_000, synchronous = 'FULL' } = options;
  await makePrivate(path);
  const writer = await startWriter({ path, busyTimeoutMs, synchronous });
  const reader = await openReader(path).catch(async (error: unknown) => {
    await writer.close();
    throw error;
  });
  const run = createRunner(reader);
  const aside = createAsideReader(path);
  let open = true;

  async function readCompiled<T>({ sql, parameters }: Statement): Promise<T[]> {
    if (!open) throw unavailable('it is closed.');
    try {
      return rowsOf(run(sql, parameters)) as T[];
    } catch {
      return patiently(path, () => rowsOf(run(sql, parameters)) as T[]);
    }
  }

  const tables: Database = {
    kind: 'sqlite',
    build: createBuilder(),
    clock: sql<number>`cast(unixepoch('subsec') * 1000 as integer)`,
    journal: null,
    recover: () => Promise.resolve(),
    // BEGIN IMMEDIATE holds off every other writer already.
    schemaLock: [],
    read: <T>(query: Compilable<T>) => readCompiled<T>(statement(query)),
    readCompiled,
    readAside: async <T>(query: Compilable<T>) => (await aside.read(statement(query))) as T[],
    write: (statements, how = {}) => writer.write(statements, how),
    writes: () => writer.counts(),
    ping: async () => void (await readCompiled({ sql: 'select count(*) from sqlite_schema', parameters: [] })),
    check: () => checkDatabaseFile(path),
    tidy: () => emptyLog(path),
    close: async () => {
      if (open) reader.close();
      open = false;
      await Promise.all([aside.close(), writer.close()]);
    },
  };
  const { writeRecords } = writer;
  return withJournal(tables, { path, writeRecords, synced: synchronous === 'FULL' });
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

async function patiently<T>(path: string, action: () => T): Promise<T> {
  try {
    return await readPatiently(action);
  } catch (error) {
    throw sqliteError(resultCode(error), error instanceof Error ? error.message : String(error), path, error);
  }
}

async function emptyLog(path: string): Promise<void> {
  for (let attempt = 1; attempt <= emptyingAttempts; attempt += 1) {
    if (await runOnFile<boolean>('tidy-worker', path)) return;
  }
  throw unavailable(`the log of ${path} is read all the time and cannot be emptied: end what reads it, and try again.`);
}
