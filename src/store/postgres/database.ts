import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Compilable,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from 'kysely';
import pg from 'pg';
import {
  type Database,
  type Row,
  type Statement,
  type WriteResult,
  statement,
  unavailable,
  unexpected,
} from '../database.ts';
import type { Schema } from '../schema.ts';
import { isTransient, postgresError } from './errors.ts';

const attempts = 20;
/** Any number of our own: it keeps two processes from changing the schema at once. */
const schemaLock = 7_245_110_386;
const begin = {
  synced: 'begin',
  /** The server answers before its log is synced, which a later synced commit makes up for; both in one message. */
  unsynced: 'begin; set local synchronous_commit = off',
};

/** Opens a pool of connections to a PostgreSQL database. */
export function openPostgres(url: string): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: 10_000,
    allowExitOnIdle: true,
    types: { getTypeParser: parserOf },
  });
  // A connection that breaks is replaced by the pool; the query that it was used for, or the next one, tells.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const counts = { commits: 0, syncs: 0 };
  let open = true;

  async function readCompiled<T>({ sql: text, parameters }: Statement): Promise<T[]> {
    if (!open) throw unavailable('it is closed.');
    try {
      return (await pool.query(text, parameters)).rows as T[];
    } catch (error) {
      throw postgresError(error);
    }
  }

  const read = <T>(query: Compilable<T>): Promise<T[]> => readCompiled<T>(statement(query));

  return {
    kind: 'postgres',
    build: createBuilder(),
    clock: sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`,
    journal: null,
    recover: () => Promise.resolve(),
    schemaLock: [{ sql: 'select pg_advisory_xact_lock($1)', parameters: [schemaLock] }],
    read,
    readCompiled,
    readAside: read,
    write: async (statements, { sync = true } = {}) => {
      if (!open) throw unavailable('it is closed.');
      const results = await writeBatch(pool, statements, sync);
      counts.commits += 1;
      if (sync) counts.syncs += 1;
      return results;
    },
    writes: () => ({ ...counts }),
    ping: () => roundTrip(pool),
    check: () => roundTrip(pool),
    tidy: async () => {
      try {
        await pool.query('vacuum message, completion, thread_node, feedback, search');
      } catch (error) {
        throw postgresError(error);
      }
    },
    close: async () => {
      if (!open) return;
      open = false;
      await pool.end();
    },
  };
}

async function writeBatch(pool: pg.Pool, statements: readonly Statement[], sync: boolean): Promise<WriteResult[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transact(pool, statements, sync);
    } catch (error) {
      if (!isTransient(error) || attempt === attempts) throw postgresError(error);
    }
    await sleep(Math.min(2 ** attempt, 100) * (0.5 + Math.random()));
  }
}

async function transact(pool: pg.Pool, statements: readonly Statement[], sync: boolean): Promise<WriteResult[]> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query(sync ? begin.synced : begin.unsynced);
    const results: WriteResult[] = [];
    for (const statement of statements) {
      const { rows, rowCount } = await client.query<Row>(statement.sql, statement.parameters);
      if (statement.expect && rowCount !== statement.expect.rows) throw unexpected(statement);
      results.push({ rows, affected: rowCount ?? 0 });
    }
    await client.query('commit');
    return results;
  } catch (error) {
    await client.query('rollback').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

function createBuilder(): Kysely<Schema> {
  return new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (build) => new PostgresIntrospector(build),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

/** `bigint` as a number: times and counts are far below 2^53. */
function parserOf(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === pg.types.builtins.INT8) return Number;
  return format === 'binary' ? pg.types.getTypeParser(oid, 'binary') : pg.types.getTypeParser(oid, 'text');
}

async function roundTrip(pool: pg.Pool): Promise<void> {
  try {
    await pool.query('select 1');
  } catch (error) {
    throw postgresError(error);
  }
}
