import type { Parameter, Row } from '../database.ts';

// Tuples, not objects: what crosses to another thread is written and read with the names of all its fields.

/** What the main thread tells a thread of a database. Many questions of one moment are one message. */
export type ToThread<Question> = { kind: 'ask'; asked: [id: number, question: Question][] } | { kind: 'close' };

/** What a thread answers. Answers that are known together come in one message. */
export type FromThread<Answer> =
  | { kind: 'ready' }
  | { kind: 'unready'; failure: Failure }
  | { kind: 'answers'; answers: [id: number, answer: Answer][] };

/** Why a batch, a query or the opening failed: `code` is SQLite's extended result code, 0 when it was not SQLite. */
export type Failure = { kind: 'expectation'; statement: number } | { kind: 'sqlite'; code: number; message: string };

/** A statement's text, its number when it was sent before, or both when it will be named by the number from now on. */
export type StatementText = string | number | [number: number, text: string];

/** `rows` is how many must be affected, −1 when any number may. */
export type BatchStatement = [text: StatementText, parameters: Parameter[], rows: number];

/** So many records of a journal, which the thread reads from its file: from one place up to another, in bytes. */
export type RecordRange = [path: string, from: number, to: number, count: number];

/** `inFlight` is how many chats may still ask for a sync of their own. The records come after the statements. */
export type Batch = [sync: boolean, inFlight: number, statements: BatchStatement[], records?: RecordRange[]];

/** What a statement gave: its rows, or how many it affected. */
export type StatementAnswer = Row[] | number;

export type BatchAnswer = StatementAnswer[] | { failure: Failure };

export type Query = [text: string, parameters: Parameter[]];

export type QueryAnswer = { rows: Row[] } | { failure: Failure };

export interface WriterData {
  path: string;
  busyTimeoutMs: number;
  /** `NORMAL` never syncs a commit. */
  synchronous: 'FULL' | 'NORMAL';
  /** Counts for the main thread to read: commits, synced commits. */
  counts: Int32Array;
}
