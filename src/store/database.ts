import type { Compilable, Kysely, RawBuilder } from 'kysely';
import { RatchetError } from '../core/errors.ts';
import type { Journal } from './journal.ts';
import type { Schema } from './schema.ts';

export type Parameter = string | number | bigint | null | Uint8Array;
export type Row = Record<string, unknown>;

/** One compiled statement of a batch. */
export interface Statement {
  sql: string;
  parameters: Parameter[];
  /** Aborts the whole batch with this error when another number of rows is affected. */
  expect?: { rows: number; error: RatchetError | (() => RatchetError) };
}

/** What a statement expects not to happen; made only now, where making it for nothing would cost too much. */
export function unexpected({ expect }: Statement): RatchetError | undefined {
  return typeof expect?.error === 'function' ? expect.error() : expect?.error;
}

export interface WriteResult {
  rows: Row[];
  affected: number;
}

export interface WriteOptions {
  /**
   * Whether the commit is synced before the promise resolves; true unless given. What is not survives the end of this
   * process, but not that of the machine, until the next synced batch, which covers all that was written before it. A
   * batch that needs no sync may overtake one that does.
   */
  sync?: boolean;
  /** How many chats of this process may ask for a sync soon: with many, one waits for others to share it. */
  inFlight?: number;
}

/** What was committed since the database was opened: transactions and groups of a journal, and how many of them were synced. */
export interface WriteCounts {
  commits: number;
  syncs: number;
}

/** What a repository knows of a database: compile, read, write a batch. Errors are `RatchetError`s. */
export interface Database {
  readonly kind: 'sqlite' | 'postgres';
  /** Compiles queries for this database; it never runs them. */
  readonly build: Kysely<Schema>;
  /** The database's own clock, in milliseconds. */
  readonly clock: RawBuilder<number>;
  /** What a batch that changes the schema begins with. */
  readonly schemaLock: readonly Statement[];
  /** Null where batches go into the tables only. */
  readonly journal: Journal | null;
  read<T>(query: Compilable<T>): Promise<T[]>;
  /** As `read`, of a statement that is compiled already. */
  readCompiled<T>(statement: Statement): Promise<T[]>;
  /**
   * As `read`, for what may take long: lists, search, export. It never holds up the event loop; on SQLite it runs in a
   * thread of its own, one query after the other.
   */
  readAside<T>(query: Compilable<T>): Promise<T[]>;
  /** Runs a batch atomically; resolves only after its commit is synced, unless the options say otherwise. */
  write(statements: readonly Statement[], options?: WriteOptions): Promise<WriteResult[]>;
  writes(): WriteCounts;
  /** A read that takes no time, however large the database is. */
  ping(): Promise<void>;
  check(): Promise<void>;
  /** Brings into the tables what processes that have ended left in their journals. */
  recover(): Promise<void>;
  /** Removes what deleted rows leave behind: SQLite's log is emptied, PostgreSQL's tables are vacuumed. */
  tidy(): Promise<void>;
  close(): Promise<void>;
}

/** A query as a statement of a batch. */
export function statement(query: Compilable<unknown>, expect?: Statement['expect']): Statement {
  const { sql, parameters } = query.compile();
  return { sql, parameters: parameters.map(toParameter), ...(expect && { expect }) };
}

/** A value as the databases take it. */
export function toParameter(value: unknown): Parameter {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Uint8Array) return value;
  throw new RatchetError('Bug', `A ${typeof value} cannot be a parameter of a statement.`);
}

export type Constraint = 'unique' | 'foreign_key' | 'other';

/** A statement broke a constraint of the schema; repositories turn it into what it means there. */
export function constraintError(constraint: Constraint, cause: unknown): RatchetError {
  return new RatchetError('Conflict', 'This contradicts what is already recorded: read the current state again.', {
    cause,
    details: { constraint },
  });
}

/** Whether an error is a {@link constraintError} of this kind. */
export function isConstraint(error: unknown, constraint: Constraint): boolean {
  return error instanceof RatchetError && error.details.constraint === constraint;
}

/** The database cannot be used now. */
export function unavailable(reason: string, cause?: unknown): RatchetError {
  return new RatchetError('StoreUnavailable', `The store cannot be used: ${reason}`, { cause });
}

/** There is no room left. */
export function diskFull(cause: unknown): RatchetError {
  return new RatchetError('DiskFull', 'The disk is full: free some space, then try again; nothing recorded was lost.', {
    cause,
  });
}

/** Cuts a list into pieces of at most `size`, for statements with a bounded number of parameters. */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  const pieces: T[][] = [];
  for (let at = 0; at < items.length; at += size) pieces.push(items.slice(at, at + size));
  return pieces;
}
