import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Compilable } from 'kysely';
import { afterEach } from 'vitest';
import { type Database, statement } from '../../src/store/database.ts';
import { openStore } from '../../src/store/open.ts';
import { openPostgres } from '../../src/store/postgres/database.ts';
import { openSqlite } from '../../src/store/sqlite/database.ts';
import type { Store } from '../../src/store/types.ts';

/** One database that any number of stores can be opened on. */
export interface Installation {
  dataDir: string;
  databaseUrl: string | null;
  /** Opens a store as another process would; it is closed after the test. */
  open(lease?: { ttlMs: number }): Promise<Store>;
}

export type NewInstallation = () => Promise<Installation>;

/** Gives each test empty installations of one kind of database, and takes them away after it. */
export function installations(databaseUrl: () => Promise<string | null>): NewInstallation {
  const stores: Store[] = [];
  const folders: string[] = [];
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true })));
  });
  return async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'ratchet-store-'));
    folders.push(dataDir);
    const url = await databaseUrl();
    return {
      dataDir,
      databaseUrl: url,
      open: async (lease) => {
        const store = await openStore({ dataDir, databaseUrl: url, ...(lease && { lease }) });
        stores.push(store);
        return store;
      },
    };
  };
}

/** Makes every process look as if it had stopped renewing its lease long ago. */
export async function lapseLeases(installation: Installation): Promise<void> {
  await withDatabase(installation, ({ build }) => build.updateTable('process_lease').set({ expires_at: 0 }));
}

/** When the lease lapses that lapses first, in ms since 1970. */
export async function leaseEnds(installation: Installation): Promise<number> {
  const [first] = await beside(installation, ({ build, read }) =>
    read(build.selectFrom('process_lease').select('expires_at').orderBy('expires_at')),
  );
  return first?.expires_at ?? 0;
}

/** Runs a statement beside the stores. */
export async function withDatabase(
  installation: Installation,
  make: (database: Database) => Compilable<unknown>,
): Promise<void> {
  await beside(installation, (database) => database.write([statement(make(database))]));
}

/** Makes every chat look as if it had ended long ago. */
export async function ageChats(installation: Installation): Promise<void> {
  await withDatabase(installation, ({ build }) => build.updateTable('completion').set({ finished_at: 1 }));
}

async function beside<T>({ dataDir, databaseUrl }: Installation, work: (database: Database) => Promise<T>): Promise<T> {
  const database = databaseUrl ? openPostgres(databaseUrl) : await openSqlite(join(dataDir, 'ratchet.db'));
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
