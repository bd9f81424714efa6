import { RatchetError } from '../../core/errors.ts';
import {
  type Statement,
  type WriteOptions,
  type WriteResult,
  type WriteCounts,
  unavailable,
  unexpected,
} from '../database.ts';
import { sqliteError } from './errors.ts';
import type { Batch, BatchAnswer, Failure, RecordRange, StatementAnswer, WriterData } from './protocol.ts';
import { numberTexts } from './texts.ts';
import { startThread } from './thread.ts';

export interface Writer {
  write(statements: readonly Statement[], options: WriteOptions): Promise<WriteResult[]>;
  /** Writes records of a journal in one transaction; Conflict when one of them cannot be. */
  writeRecords(records: RecordRange[], sync: boolean): Promise<void>;
  counts(): WriteCounts;
  /** Lets what was asked for finish, then ends the thread. */
  close(): Promise<void>;
}

/** Starts the thread that does all writes of this process to one database file. */
export async function startWriter(options: Omit<WriterData, 'counts'>): Promise<Writer> {
  const { path } = options;
  const counts = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const data: WriterData = { ...options, counts };
  const thread = await startThread<Batch, BatchAnswer>({ file: 'writer-worker', name: 'writer', data, path });
  const textOf = numberTexts();

  return {
    write: async (statements, { sync = true, inFlight = 0 }) => {
      const answer = await thread.ask([
        sync,
        inFlight,
        statements.map(({ sql, parameters, expect }) => [textOf(sql), parameters, expect?.rows ?? -1]),
      ]);
      if ('failure' in answer) throw toError(answer.failure, statements, path);
      return answer.map(toResult);
    },
    writeRecords: async (records, sync) => {
      const answer = await thread.ask([sync, 0, [], records]);
      if (!('failure' in answer)) return;
      if (answer.failure.kind === 'sqlite') throw sqliteError(answer.failure.code, answer.failure.message, path);
      throw new RatchetError('Conflict', 'A batch of the journal has no place in the tables.');
    },
    counts: () => ({ commits: Atomics.load(counts, 0), syncs: Atomics.load(counts, 1) }),
    close: () => thread.close(),
  };
}

function toResult(answer: StatementAnswer): WriteResult {
  return typeof answer === 'number' ? { rows: [], affected: answer } : { rows: answer, affected: answer.length };
}

function toError(failure: Failure, statements: readonly Statement[], path: string): RatchetError {
  if (failure.kind === 'sqlite') return sqliteError(failure.code, failure.message, path);
  const statement = statements[failure.statement];
  return (statement && unexpected(statement)) ?? unavailable('its writer answered out of turn.');
}
