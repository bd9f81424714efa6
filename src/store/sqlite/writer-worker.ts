import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { WriteResult } from '../database.ts';
import type { Batch, Failure, FromWriter, Reply, ToWriter, WriterData } from './protocol.ts';
import { isBusy, resultCode } from './result-code.ts';
import { createRunner } from './statements.ts';

// The only connection of its process that writes. Batches that wait are committed together: one fsync for all.

const maxStatements = 1000;
const maxMillis = 50;
const maxDelay = 50;

const port = parentPort;
if (!port) throw new Error('The writer runs as a worker thread only.');
const { path, busyTimeoutMs } = workerData as WriterData;

interface Waiting {
  batch: Batch;
  since: number;
}

const queue: Waiting[] = [];
let closing = false;
let pumping = false;

await main();

async function main(): Promise<void> {
  const connection = new DatabaseSync(path, { open: false, timeout: 0, enableForeignKeyConstraints: true });
  try {
    await openConnection(connection);
  } catch (error) {
    send({ kind: 'unready', failure: failureOf(error) });
    port?.close();
    return;
  }
  const run = createRunner(connection);
  port?.on('message', (message: ToWriter) => {
    accept(message);
    void pump(connection, run);
  });
  send({ kind: 'ready' });
}

/** Setting WAL takes a lock for a moment, so two processes that start at once meet here. */
async function openConnection(connection: DatabaseSync): Promise<void> {
  connection.open();
  await patiently(() => connection.exec('PRAGMA journal_mode = WAL'));
  await patiently(() => connection.exec('PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864'));
  const mode = connection.prepare('PRAGMA journal_mode').get();
  if (mode?.journal_mode !== 'wal') throw new Error('this folder cannot hold a write-ahead log');
}

async function patiently(action: () => void): Promise<void> {
  const deadline = performance.now() + busyTimeoutMs;
  for (let delay = 1; ; delay = Math.min(delay * 2, maxDelay)) {
    try {
      return action();
    } catch (error) {
      if (!isBusy(resultCode(error)) || performance.now() > deadline) throw error;
    }
    await sleep(delay * (0.5 + Math.random()));
  }
}

function accept(message: ToWriter): void {
  if (message.kind === 'close') closing = true;
  else queue.push({ batch: message, since: performance.now() });
}

/** Takes in every message that has arrived without going through the event loop. */
function drain(): void {
  if (!port) return;
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) accept(next.message as ToWriter);
}

async function pump(connection: DatabaseSync, run: Runner): Promise<void> {
  if (pumping) return;
  pumping = true;
  drain();
  while (queue.length > 0) {
    if (await beginGroup(connection)) runGroup(connection, run);
    drain();
  }
  pumping = false;
  if (closing) {
    connection.close();
    port?.close();
  }
}

type Runner = ReturnType<typeof createRunner>;

/** Waits for the write lock; batches that have waited too long fail. False when none is left. */
async function beginGroup(connection: DatabaseSync): Promise<boolean> {
  for (let delay = 1; queue.length > 0; delay = Math.min(delay * 2, maxDelay)) {
    try {
      connection.exec('BEGIN IMMEDIATE');
      return true;
    } catch (error) {
      const hopeless = !isBusy(resultCode(error));
      const expired = queue.filter((waiting) => hopeless || performance.now() - waiting.since > busyTimeoutMs);
      queue.splice(0, expired.length);
      fail(expired, failureOf(error));
    }
    await sleep(delay * (0.5 + Math.random()));
    drain();
  }
  return false;
}

function runGroup(connection: DatabaseSync, run: Runner): void {
  const started = performance.now();
  const taken: Waiting[] = [];
  const replies: Reply[] = [];
  let statements = 0;
  try {
    for (let next = queue[0]; next; next = queue[0]) {
      statements += next.batch.statements.length;
      if (taken.length > 0 && (statements > maxStatements || performance.now() - started > maxMillis)) break;
      queue.shift();
      taken.push(next);
      replies.push(runBatch(connection, run, next.batch));
      drain();
    }
    connection.exec('COMMIT');
  } catch (error) {
    if (connection.isTransaction) connection.exec('ROLLBACK');
    fail(taken, failureOf(error));
    return;
  }
  send({ kind: 'replies', replies });
}

/** Runs one batch in a savepoint of its own. Throws only when the whole transaction is lost. */
function runBatch(connection: DatabaseSync, run: Runner, batch: Batch): Reply {
  connection.exec('SAVEPOINT batch');
  const results: WriteResult[] = [];
  try {
    for (const [index, { sql, parameters, rows }] of batch.statements.entries()) {
      const result = run(sql, parameters);
      if (rows !== undefined && result.affected !== rows) {
        return undo(connection, batch.id, { kind: 'expectation', statement: index });
      }
      results.push(result);
    }
  } catch (error) {
    // A full disk or an I/O error may have rolled everything back.
    if (!connection.isTransaction) throw error;
    return undo(connection, batch.id, failureOf(error));
  }
  connection.exec('RELEASE batch');
  return { kind: 'done', id: batch.id, results };
}

function undo(connection: DatabaseSync, id: number, failure: Failure): Reply {
  connection.exec('ROLLBACK TO batch');
  connection.exec('RELEASE batch');
  return { kind: 'failed', id, failure };
}

function fail(batches: readonly Waiting[], failure: Failure): void {
  if (batches.length === 0) return;
  send({ kind: 'replies', replies: batches.map(({ batch }) => ({ kind: 'failed', id: batch.id, failure })) });
}

function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'sqlite', code: resultCode(error), message };
}

function send(message: FromWriter): void {
  port?.postMessage(message);
}
