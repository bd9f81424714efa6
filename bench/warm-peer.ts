import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { childEnvironment } from '../src/config.ts';
import type { Job } from '../src/core/job.ts';
import { startProcess } from '../src/process/supervise.ts';

/** One warm Python that runs job files, nothing else. */
export interface WarmPeer {
  /** Runs jobs back to back; how long all of them took, and what each came to. */
  run(jobs: readonly string[]): Promise<{ seconds: number; results: Record<string, unknown>[] }>;
  stop(): Promise<unknown>;
}

/** Starts the peer; resolves when its imports are done. */
export async function startWarmPeer(python: string, logFile: string): Promise<WarmPeer> {
  const waiting: ((line: string) => void)[] = [];
  const child = startProcess({
    command: python,
    args: [join(import.meta.dirname, 'peers', 'warm_jobs.py')],
    env: childEnvironment({ PYTHONUNBUFFERED: '1' }),
    logFile,
    onLine: (line) => waiting.shift()?.(line),
    stdin: 'lifeline',
  });
  const reply = () =>
    new Promise<string>((resolve, reject) => {
      waiting.push(resolve);
      void child.exited.then(({ tail }) => reject(new Error(`The peer ended: ${tail}`)));
    });
  await reply();
  const one = async (job: string): Promise<Record<string, unknown>> => {
    const line = reply();
    child.send(job);
    const answer = JSON.parse(await line) as { result?: Record<string, unknown>; error?: string };
    if (!answer.result) throw new Error(`The peer could not run ${job}: ${answer.error}`);
    return answer.result;
  };
  const run: WarmPeer['run'] = async (jobs) => {
    const results: Record<string, unknown>[] = [];
    const started = performance.now();
    for (const job of jobs) results.push(await one(job));
    return { seconds: (performance.now() - started) / 1000, results };
  };
  return { run, stop: child.stop };
}

/** Copies a job file with a work folder of its own, so that nothing is there yet. */
export function copyJob(file: string, folder: string): string {
  const job = JSON.parse(readFileSync(file, 'utf8')) as Job;
  const work = join(folder, job.kind);
  mkdirSync(work, { recursive: true });
  const copy = join(work, `${job.kind}.job.json`);
  writeFileSync(copy, `${JSON.stringify({ ...job, work }, null, 2)}\n`);
  return copy;
}
