import { Worker } from 'node:worker_threads';
import type { RatchetError } from '../../core/errors.ts';
import { unavailable } from '../database.ts';
import { sqliteError } from './errors.ts';
import type { FromThread, ToThread } from './protocol.ts';

/** A worker thread that answers questions about one database file. */
export interface Thread<Question, Answer> {
  ask(question: Question): Promise<Answer>;
  /** Lets what was asked for finish, then ends the thread. */
  close(): Promise<void>;
}

export interface ThreadOptions {
  /** Its file in this folder, without the ending. */
  file: string;
  /** What it is called in errors. */
  name: string;
  /** What it gets when it starts. */
  data: unknown;
  /** The database file. */
  path: string;
}

interface Pending<Answer> {
  resolve(answer: Answer): void;
  reject(error: RatchetError): void;
}

/** Starts a thread and waits until it has opened its database. It keeps the process alive only while it is asked. */
export async function startThread<Question, Answer>(options: ThreadOptions): Promise<Thread<Question, Answer>> {
  const { file, name, data } = options;
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./${file}.${ending}`, import.meta.url), {
    workerData: data,
    name: `ratchet-${name}`,
  });
  const pending = new Map<number, Pending<Answer>>();
  let asked: [id: number, question: Question][] = [];
  let lastId = 0;
  let dead: RatchetError | null = null;

  function settle(id: number, answer: Answer): void {
    const waiting = pending.get(id);
    pending.delete(id);
    if (pending.size === 0) worker.unref();
    waiting?.resolve(answer);
  }

  function die(error: RatchetError): void {
    dead ??= error;
    for (const waiting of pending.values()) waiting.reject(error);
    pending.clear();
  }

  function post(): void {
    if (asked.length > 0) worker.postMessage({ kind: 'ask', asked } satisfies ToThread<Question>);
    asked = [];
  }

  worker.on('error', (cause) => die(unavailable(`its ${name} failed: start Ratchet again.`, cause)));
  const ended = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      die(unavailable(`its ${name} stopped: start Ratchet again.`));
      resolve();
    });
  });
  await ready(worker, options);
  worker.on('message', (message: FromThread<Answer>) => {
    if (message.kind === 'answers') for (const [id, answer] of message.answers) settle(id, answer);
  });
  worker.unref();

  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        if (dead) return reject(dead);
        lastId += 1;
        asked.push([lastId, question]);
        pending.set(lastId, { resolve, reject });
        if (pending.size === 1) {
          // Nobody else waits: at once.
          worker.ref();
          post();
        } else if (asked.length === 1) setImmediate(post);
      }),
    close: async () => {
      if (!dead) {
        post();
        dead = unavailable('it is closed.');
        worker.ref();
        worker.postMessage({ kind: 'close' } satisfies ToThread<Question>);
      }
      await ended;
    },
  };
}

function ready(worker: Worker, { name, path }: ThreadOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('error', (cause) => reject(unavailable(`its ${name} did not start.`, cause)));
    worker.once('message', (message: FromThread<unknown>) => {
      if (message.kind !== 'unready') return resolve();
      const { failure } = message;
      if (failure.kind === 'sqlite') reject(sqliteError(failure.code, failure.message, path));
    });
  });
}
