import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { createAnswerCacheStore } from './answer-cache.ts';
import { createBlobStore } from './blobs.ts';
import { createChatStore } from './chats/chats.ts';
import { createComparisonStore } from './comparisons.ts';
import { createCycleStore } from './cycles.ts';
import { prepareDataFolder } from './data-folder.ts';
import type { Database } from './database.ts';
import { createDatasetStore } from './datasets.ts';
import { createFeedbackStore } from './feedback.ts';
import { createForgottenStore } from './forgotten.ts';
import { readFigures } from './figures.ts';
import { installationKey } from './installation.ts';
import { createGpuLeaseStore } from './gpu-leases.ts';
import { type Lease, holdLease } from './lease.ts';
import { migrate } from './migrate.ts';
import { createKeyStore } from './keys.ts';
import { createModelStore } from './models.ts';
import { createPromptStore } from './prompts.ts';
import { createReplayStore } from './replay.ts';
import { createReviewStore } from './review.ts';
import { createSignalStore } from './signals.ts';
import { type SqliteOptions, openSqlite } from './sqlite/database.ts';
import type { Store } from './types.ts';
import { createUsageStore } from './usage.ts';

export interface StoreOptions {
  /** Holds the database file, blobs and event logs. Made when it is missing. */
  dataDir: string;
  /** A `postgres://` URL; without one the database is a SQLite file in the data folder. */
  databaseUrl?: string | null;
  /** How long after its last sign of life a process counts as gone. 30 s unless given. */
  lease?: { ttlMs?: number };
  /** `synchronous: 'NORMAL'` is weaker: a chat is acknowledged before it is synced, and a power cut can take it. */
  sqlite?: Pick<SqliteOptions, 'synchronous'>;
}

/** Opens the store, bringing its schema up to date. Close it when done: that gives back this process's lease. */
export async function openStore(options: StoreOptions): Promise<Store> {
  await prepareDataFolder(options.dataDir);
  const database = options.databaseUrl
    ? (await import('./postgres/database.ts')).openPostgres(options.databaseUrl)
    : await openSqlite(join(options.dataDir, 'ratchet.db'), options.sqlite);
  try {
    await migrate(database);
    await database.recover();
    const key = await installationKey(database);
    const lease = await holdLease(database, options.lease?.ttlMs ?? 30_000);
    return assemble(database, key, lease, options.dataDir);
  } catch (error) {
    await database.close();
    throw error;
  }
}

function assemble(database: Database, key: KeyObject, lease: Lease, dataDir: string): Store {
  let closing: Promise<void> | null = null;
  async function close(): Promise<void> {
    try {
      await lease.release();
    } finally {
      await database.close();
    }
  }
  return {
    kind: database.kind,
    chats: createChatStore({ database, key, processId: lease.processId }),
    feedback: createFeedbackStore(database),
    signals: createSignalStore(database),
    review: createReviewStore(database),
    comparisons: createComparisonStore(database),
    prompts: createPromptStore(database),
    answerCache: createAnswerCacheStore(database, key),
    cycles: createCycleStore(database),
    gpuLeases: createGpuLeaseStore(database),
    datasets: createDatasetStore(database),
    models: createModelStore(database),
    forgotten: createForgottenStore(database),
    replay: createReplayStore(database, key),
    usage: createUsageStore(database),
    keys: createKeyStore(database),
    blobs: createBlobStore(dataDir),
    writes: () => database.writes(),
    figures: () => readFigures(database),
    ping: () => database.ping(),
    check: () => database.check(),
    close: () => (closing ??= close()),
  };
}
