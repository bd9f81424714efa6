import { Worker } from 'node:worker_threads';
import type { Assembled } from '../assemble.ts';
import type { RowOptions, RowResult } from './types.ts';

/** Threads that take rows through the row stages. */
export interface Pool {
  run(entries: readonly Assembled[]): Promise<RowResult[]>;
  close(): Promise<void>;
}

interface Waiting {
  resolve(results: RowResult[]): void;
  reject(error: unknown): void;
}

interface Member {
  worker: Worker;
  waiting: Waiting[];
}

/** Starts threads; each answers what it is asked in order. */
export function startPool(threads: number, options: RowOptions): Pool {
  const members = Array.from({ length: threads }, () => startMember(options));
  return {
    run(entries) {
      const idlest = members.reduce((least, member) => (member.waiting.length < least.waiting.length ? member : least));
      return new Promise((resolve, reject) => {
        idlest.waiting.push({ resolve, reject });
        idlest.worker.postMessage(entries);
      });
    },
    async close() {
      await Promise.all(members.map(({ worker }) => worker.terminate()));
    },
  };
}

function startMember(options: RowOptions): Member {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const file = new URL(`./row-worker.${ending}`, import.meta.url);
  const member: Member = { worker: new Worker(file, { workerData: options, name: 'ratchet-rows' }), waiting: [] };
  member.worker.on('message', (results: RowResult[]) => member.waiting.shift()?.resolve(results));
  const fail = (error: unknown): void => {
    for (const { reject } of member.waiting.splice(0)) reject(error);
  };
  member.worker.on('error', fail);
  member.worker.on('exit', () => fail(new Error('a thread of the build ended before its work was done')));
  return member;
}
