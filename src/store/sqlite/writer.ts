import { Worker } from 'node:worker_threads';
import type { RatchetError } from '../../core/errors.ts';
import { type Statement, type WriteResult, unavailable } from '../database.ts';
import { sqliteError } from './errors.ts';
import type { Failure, FromWriter, Reply, ToWriter, WriterData } from './protocol.ts';

export interface Writer {
  write(statements: readonly Statement[]): Promise<WriteResult[]>;
  /** Lets what was asked for finish, then ends the thread. */
  close(): Promise<void>;
}

interface Pending {
  statements: readonly Statement[];
  resolve(results: WriteResult[]): void;
  reject(error: RatchetError): void;
}

/** Starts the thread that does all writes of this process to one database file. */
export async function startWriter(data: WriterData): Promise<Writer> {
  const file = import.meta.url.endsWith('.ts') ? './writer-worker.ts' : './writer-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), { workerData: data, name: 'ratchet-writer' });
  const pending = new Map<number, Pending>();
  let lastId = 0;
  let dead: RatchetError | null = null;

  function settle(reply: Reply): void {
    const waiting = pending.get(reply.id);
    if (!waiting) return;
    pending.delete(reply.id);
    if (pending.size === 0) worker.unref();
    if (reply.kind === 'done') waiting.resolve(reply.results);
    else waiting.reject(toError(reply.failure, waiting.statements, data.path));
  }

  function die(error: RatchetError): void {
    dead ??= error;
    for (const waiting of pending.values()) waiting.reject(error);
    pending.clear();
  }

  worker.on('error', (cause) => die(unavailable('its writer failed: start Ratchet again.', cause)));
  const ended = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      die(unavailable('its writer stopped: start Ratchet again.'));
      resolve();
    });
  });
  await ready(worker, data.path);
  worker.on('message', (message: FromWriter) => {
    if (message.kind === 'replies') message.replies.forEach(settle);
  });
  worker.unref();

  return {
    write: (statements) =>
      new Promise((resolve, reject) => {
        if (dead) return reject(dead);
        lastId += 1;
        pending.set(lastId, { statements, resolve, reject });
        worker.ref();
        worker.postMessage(batchOf(lastId, statements));
      }),
    close: async () => {
      if (!dead) {
        dead = unavailable('it is closed.');
        worker.ref();
        worker.postMessage({ kind: 'close' } satisfies ToWriter);
      }
      await ended;
    },
  };
}

function ready(worker: Worker, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('error', (cause) => reject(unavailable('its writer did not start.', cause)));
    worker.once('message', (message: FromWriter) => {
      if (message.kind === 'unready') reject(toError(message.failure, [], path));
      else resolve();
    });
  });
}

function batchOf(id: number, statements: readonly Statement[]): ToWriter {
  return {
    kind: 'batch',
    id,
    statements: statements.map(({ sql, parameters, expect }) => ({
      sql,
      parameters,
      ...(expect && { rows: expect.rows }),
    })),
  };
}

function toError(failure: Failure, statements: readonly Statement[], path: string): RatchetError {
  if (failure.kind === 'sqlite') return sqliteError(failure.code, failure.message, path);
  return statements[failure.statement]?.expect?.error ?? unavailable('its writer answered out of turn.');
}
