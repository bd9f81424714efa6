import { hostname } from 'node:os';
import { sql } from 'kysely';
import { type Database, statement } from './database.ts';
import { now, uuidv7 } from './ids.ts';

export interface Lease {
  /** Names this process in the completions that it has open. */
  processId: string;
  release(): Promise<void>;
}

/**
 * Registers this process and keeps its lease alive until it is released. Expiry is by the database's clock, so that
 * machines whose clocks differ agree.
 */
export async function holdLease(database: Database, ttlMs: number): Promise<Lease> {
  const { build, clock } = database;
  const processId = uuidv7();
  const expiry = sql<number>`${clock} + ${sql.lit(Math.round(ttlMs))}`;
  const row = { id: processId, host: hostname(), pid: process.pid, started_at: now(), expires_at: expiry };
  const renewal = statement(
    build
      .insertInto('process_lease')
      .values(row)
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ expires_at: expiry })),
  );
  // Not synced: with the machine's power the process is gone as well.
  const renew = () => database.write([renewal], { sync: false });
  await renew();
  let renewing: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    // One that fails is tried again at the next tick; a lapse only costs a sweep, which `finish` puts right.
    renewing = renew().catch(() => undefined);
  }, ttlMs / 3);
  timer.unref();

  return {
    processId,
    release: async () => {
      clearInterval(timer);
      await renewing;
      await database.write([statement(build.deleteFrom('process_lease').where('id', '=', processId))]);
    },
  };
}
