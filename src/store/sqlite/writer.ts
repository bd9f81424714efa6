import type { RatchetError } from '../../core/errors.ts';
import {
  type Statement,
  type WriteOptions,
  type WriteResult,
  type WriteCounts,
  unavailable,
  unexpected,
} from '../database.ts';
import { sqliteError } from './errors.ts';
import type { Batch, BatchAnswer, Failure, StatementAnswer, StatementText, WriterData } from './protocol.ts';
import { startThread } from './thread.ts';

export interface Writer {
  write(statements: readonly Statement[], options: WriteOptions): Promise<WriteResult[]>;
  counts(): WriteCounts;
  /** Lets what was asked for finish, then ends the thread. */
  close(): Promise<void>;
}

/** So many texts are sent once and named by a number afterwards; lists of ever other lengths must not fill the memory. */
const maxNumbered = 500;

/** Starts the thread that does all writes of this process to one database file. */
export async function startWriter(options: Omit<WriterData, 'counts'>): Promise<Writer> {
  const { path } = options;
  const counts = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const data: WriterData = { ...options, counts };
  const thread = await startThread<Batch, BatchAnswer>({ file: 'writer-worker', name: 'writer', data, path });
  const numbers = new Map<string, number>();

  function textOf(sql: string): StatementText {
    const known = numbers.get(sql);
    if (known !== undefined) return known;
    if (numbers.size >= maxNumbered) return sql;
    numbers.set(sql, numbers.size);
    return [numbers.size - 1, sql];
  }

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
