import { Worker } from 'node:worker_threads';
import type { JsonObject } from '../../core/canonical.ts';
import type { FromWorker, ParquetTable, RowsRequest, ToWorker } from './parquet-protocol.ts';
import type { ImportSource } from './types.ts';

/** What a thread may use, in MiB: some times of what is read at once. */
const memoryMib = 2048;
/** How long an answer may take at most, in ms, and longer by this for each MiB that is unpacked: twenty times of what it takes. */
const enoughMs = 10_000;
const patienceMsPerMib = 1_000;

type Asked = Exclude<ToWorker, { kind: 'bytes' }>;
type Answer = Exclude<FromWorker, { kind: 'need' }>;

/** A Parquet file that is read in a thread of its own, which is given up where it does not answer. */
export interface ParquetReader {
  /** What the file says of itself, or what is wrong with it. */
  table(): Promise<ParquetTable | string>;
  /** Rows, fewer where the file ends before; or what is wrong with them. `bytes` is how many are unpacked for it. */
  rows(request: RowsRequest, bytes: number): Promise<JsonObject[] | string>;
  close(): Promise<void>;
}

/** Opens a file; the thread starts when it is first asked, and again after one that was given up. */
export function openParquet(source: ImportSource, patienceMs = enoughMs): ParquetReader {
  let worker: Worker | null = null;
  const ask = async (question: Asked, bytes: number): Promise<Answer> => {
    worker ??= startWorker(source);
    const answer = await answerOf(worker, question, patienceMs + (bytes / 2 ** 20) * patienceMsPerMib);
    if (answer) return answer;
    await worker.terminate();
    worker = null;
    return { kind: 'fault', fault: 'They cannot be read in the time and the memory that they should take.' };
  };
  return {
    async table() {
      const answer = await ask({ kind: 'table' }, 0);
      return answer.kind === 'table' ? answer : faultOf(answer);
    },
    async rows(request, bytes) {
      const answer = await ask({ kind: 'rows', ...request }, bytes);
      return answer.kind === 'rows' ? answer.rows : faultOf(answer);
    },
    async close() {
      await worker?.terminate();
      worker = null;
    },
  };
}

function faultOf(answer: Answer): string {
  return answer.kind === 'fault' ? answer.fault : 'They cannot be read.';
}

function startWorker(source: ImportSource): Worker {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./parquet-worker.${ending}`, import.meta.url), {
    workerData: source.size,
    name: 'ratchet-parquet',
    resourceLimits: { maxOldGenerationSizeMb: memoryMib },
  });
  worker.on('message', (message: FromWorker) => {
    if (message.kind !== 'need') return;
    void (async () => {
      // A file that goes away while it is read is one without bytes.
      const read = await source.slice(message.from, message.to).catch(() => new Uint8Array());
      const bytes = Uint8Array.from(read).buffer;
      worker.postMessage({ kind: 'bytes', id: message.id, bytes } satisfies ToWorker, [bytes]);
    })();
  });
  return worker;
}

/** What the thread says to a question; null where it fails, or says nothing in time. */
async function answerOf(worker: Worker, question: Asked, withinMs: number): Promise<Answer | null> {
  const { promise, resolve } = Promise.withResolvers<Answer | null>();
  const hear = (message: FromWorker) => message.kind !== 'need' && resolve(message);
  const giveUp = () => resolve(null);
  const timer = setTimeout(giveUp, withinMs);
  worker.on('message', hear).on('error', giveUp).on('exit', giveUp);
  worker.postMessage(question);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.off('message', hear).off('error', giveUp).off('exit', giveUp);
  }
}
