import type { Database, Statement, WriteOptions } from './database.ts';

/** A batch that stands in the journal before it stands in the tables. */
export interface NotedBatch {
  statements: readonly Statement[];
  /** What {@link Journal.holds} is asked for: by these a read finds what the batch writes. */
  keys: readonly string[];
  /** Told when the tables have no place for it, to put that right, synced, in the database beneath the journal. */
  refused(beneath: Database): Promise<void>;
}

/**
 * A file beside the database to which a batch is appended before it comes into the tables, with many others in one
 * transaction. What stands in it survives the end of the process: whoever opens the database next brings it into the
 * tables. Processes that share the database see it a few hundredths of a second later than this one.
 */
export interface Journal {
  /**
   * Takes a batch down. Resolves when it survives the end of this process, and with `sync` that of the machine. Null when
   * it cannot be taken down now: then it belongs into the tables.
   */
  note(batch: NotedBatch, options: WriteOptions): Promise<void> | null;
  /** Whether a batch with one of these keys is not in the tables yet. */
  holds(keys: readonly string[]): boolean;
  /** Brings into the tables what was taken down so far; fails with why it cannot be. */
  settle(): Promise<void>;
}
