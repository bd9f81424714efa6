import type { Parameter, WriteResult } from '../database.ts';

/** What the main thread tells the writer. */
export type ToWriter =
  | { kind: 'batch'; id: number; statements: { sql: string; parameters: Parameter[]; rows?: number }[] }
  | { kind: 'close' };

export type Batch = Extract<ToWriter, { kind: 'batch' }>;

/** Why a batch, or the opening, failed: `code` is SQLite's extended result code, 0 when it was not SQLite. */
export type Failure = { kind: 'expectation'; statement: number } | { kind: 'sqlite'; code: number; message: string };

export type Reply =
  | { kind: 'done'; id: number; results: WriteResult[] }
  | { kind: 'failed'; id: number; failure: Failure };

/** What the writer tells the main thread. A group's replies come in one message, after its commit. */
export type FromWriter =
  | { kind: 'ready' }
  | { kind: 'unready'; failure: Failure }
  | { kind: 'replies'; replies: Reply[] };

export interface WriterData {
  path: string;
  busyTimeoutMs: number;
}
