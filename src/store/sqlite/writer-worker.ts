import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type Waiting, createLine } from './group.ts';
import type { Batch, BatchAnswer, Failure, FromThread, StatementAnswer, ToThread, WriterData } from './protocol.ts';
import { failureOf, isBusy, resultCode } from './result-code.ts';
import { createRangeReader } from './journal/ranges.ts';
import { createRunner } from './statements.ts';
import { createTexts } from './texts.ts';

// The only connection of its process that writes. Batches that wait are committed together: one fsync for all.
// SQLite syncs the whole log when a commit is FULL (walFrames in wal.c), so that it covers the unsynced ones before it.

const maxStatements = 1000;
const maxMillis = 50;
const maxDelay = 50;

const port = parentPort;
if (!port) throw new Error('The writer runs as a worker thread only.');
const { path, busyTimeoutMs, synchronous, counts } = workerData as WriterData;

const line = createLine();
const withTexts = createTexts();
const readRange = createRangeReader();
let closing = false;
let pumping = false;
let wake: (() => void) | null = null;

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
  const writer = createWriter(connection);
  port?.on('message', (message: ToThread<Batch>) => {
    accept(message);
    wake?.();
    void pump(writer);
  });
  send({ kind: 'ready' });
}

/** Setting WAL takes a lock for a moment, so two processes that start at once meet here. */
async function openConnection(connection: DatabaseSync): Promise<void> {
  connection.open();
  await patiently(() => connection.exec('PRAGMA journal_mode = WAL'));
  // A checkpoint of the log syncs two files, and writes each page that changed since the last one once, however often it
  // changed: with 64 MB in place of SQLite's 4 it is rarer, and writes less. What is erased or replaced is overwritten with
  // zeros.
  await patiently(() =>
    connection.exec(
      'PRAGMA wal_autocheckpoint = 16000; PRAGMA journal_size_limit = 67108864; PRAGMA secure_delete = ON',
    ),
  );
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

/** One connection with what a group needs again and again. */
function createWriter(connection: DatabaseSync) {
  const [begin, commit, savepoint, release, rollbackTo] = [
    'BEGIN IMMEDIATE',
    'COMMIT',
    'SAVEPOINT batch',
    'RELEASE batch',
    'ROLLBACK TO batch',
  ].map((sql) => connection.prepare(sql));
  let full: boolean | null = null;
  return {
    connection,
    run: createRunner(connection),
    begin: () => begin?.run(),
    commit: () => commit?.run(),
    savepoint: () => savepoint?.run(),
    release: () => release?.run(),
    rollbackTo: () => rollbackTo?.run(),
    /** Whether commits are synced from now on. Only outside a transaction. */
    sync(wanted: boolean) {
      if (full === wanted) return;
      connection.exec(`PRAGMA synchronous = ${wanted ? synchronous : 'NORMAL'}`);
      full = wanted;
    },
  };
}

type Writer = ReturnType<typeof createWriter>;

function accept(message: ToThread<Batch>): void {
  if (message.kind === 'close') closing = true;
  else for (const [id, batch] of message.asked) acceptOne(id, batch);
}

function acceptOne(id: number, batch: Batch): void {
  try {
    line.add(id, complete(batch));
  } catch (error) {
    send({ kind: 'answers', answers: [[id, { failure: failureOf(error) }]] });
  }
}

/** A batch with texts and records, at once: whatever becomes of it, later ones use the numbers of its texts too. */
function complete(batch: Batch): Batch {
  const [, , statements, records = []] = batch;
  withTexts(statements);
  for (const range of records) for (const statement of readRange(range)) statements.push(statement);
  return batch;
}

/** Takes in every message that has arrived without going through the event loop. */
function drain(): void {
  if (!port) return;
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
    accept(next.message as ToThread<Batch>);
  }
}

async function pump(writer: Writer): Promise<void> {
  if (pumping) return;
  pumping = true;
  drain();
  while (line.size > 0) {
    const now = performance.now();
    const due = line.due(now);
    const wait = closing || due === null ? 0 : due - now;
    if (wait > 0 && !line.unsynced) await pause(wait);
    else {
      const full = due !== null && wait <= 0;
      if (await beginGroup(writer, full)) runGroup(writer, full);
    }
    drain();
  }
  pumping = false;
  if (closing) {
    writer.connection.close();
    port?.close();
  }
}

/** Until the time is over or a message comes. */
async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  wake = null;
}

/** Waits for the write lock; batches that have waited too long fail. False when none is left for this group. */
async function beginGroup(writer: Writer, full: boolean): Promise<boolean> {
  for (let delay = 1; line.next(full); delay = Math.min(delay * 2, maxDelay)) {
    try {
      writer.sync(full);
      writer.begin();
      return true;
    } catch (error) {
      const hopeless = !isBusy(resultCode(error));
      const expired = line.remove(({ since }) => hopeless || performance.now() - since > busyTimeoutMs);
      fail(expired, failureOf(error));
    }
    await sleep(delay * (0.5 + Math.random()));
    drain();
  }
  return false;
}

/**
 * Commits what waits. A savepoint writes every page that its batch changes to a journal of its own: only batches of a
 * group in which one has failed get one, when they are tried again.
 */
function runGroup(writer: Writer, full: boolean): void {
  const started = performance.now();
  const taken: Waiting[] = [];
  const answers: [number, BatchAnswer][] = [];
  let statements = 0;
  try {
    for (let next = line.next(full); next; next = line.next(full)) {
      statements += next.batch[2].length;
      if (taken.length > 0 && (statements > maxStatements || performance.now() - started > maxMillis)) break;
      line.take(full);
      taken.push(next);
      const answer = next.careful ? runCarefully(writer, next.batch) : runBatch(writer, next.batch);
      answers.push([next.id, answer]);
      if ('failure' in answer && !next.careful) return giveUp(writer, taken, answer.failure);
      drain();
    }
    writer.commit();
  } catch (error) {
    if (writer.connection.isTransaction) writer.connection.exec('ROLLBACK');
    fail(taken, failureOf(error));
    return;
  }
  Atomics.add(counts, 0, 1);
  if (full && synchronous === 'FULL') Atomics.add(counts, 1, 1);
  send({ kind: 'answers', answers });
}

/** Undoes a group whose last batch has failed; the others are tried again. */
function giveUp(writer: Writer, taken: Waiting[], failure: Failure): void {
  writer.connection.exec('ROLLBACK');
  fail(taken.splice(-1), failure);
  for (const waiting of taken) waiting.careful = true;
  line.putBack(taken);
}

/** Runs one batch in a savepoint of its own. */
function runCarefully(writer: Writer, batch: Batch): BatchAnswer {
  writer.savepoint();
  const answer = runBatch(writer, batch);
  if ('failure' in answer) writer.rollbackTo();
  writer.release();
  return answer;
}

/** Throws only when the whole transaction is lost: a full disk or an I/O error may have rolled everything back. */
function runBatch(writer: Writer, [, , statements]: Batch): BatchAnswer {
  const answers: StatementAnswer[] = [];
  try {
    for (const [index, [text, parameters, rows]] of statements.entries()) {
      const answer = writer.run(text as string, parameters);
      const affected = typeof answer === 'number' ? answer : answer.length;
      if (rows >= 0 && affected !== rows) return { failure: { kind: 'expectation', statement: index } };
      answers.push(answer);
    }
  } catch (error) {
    if (!writer.connection.isTransaction) throw error;
    return { failure: failureOf(error) };
  }
  return answers;
}

function fail(batches: readonly Waiting[], failure: Failure): void {
  if (batches.length > 0) send({ kind: 'answers', answers: batches.map(({ id }) => [id, { failure }]) });
}

function send(message: FromThread<BatchAnswer>): void {
  port?.postMessage(message);
}
