import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job } from '../src/core/job.ts';
import { startAsked } from './gateway/child.ts';

/** One warm Python that runs job files, nothing else. */
export interface WarmPeer {
  /** Runs jobs back to back; how long all of them took, and what each came to. */
  run(jobs: readonly string[]): Promise<{ seconds: number; results: Record<string, unknown>[] }>;
  stop(): Promise<unknown>;
}

/** Starts the peer, whose log is in `folder`; resolves when its imports are done. */
export async function startWarmPeer(python: string, folder: string): Promise<WarmPeer> {
  const args = [join(import.meta.dirname, 'peers', 'warm_jobs.py')];
  const env = { PYTHONUNBUFFERED: '1' };
  const peer = await startAsked({ name: 'peer', core: null, command: python, args, env, folder });
  const run: WarmPeer['run'] = async (jobs) => {
    const results: Record<string, unknown>[] = [];
    const started = performance.now();
    for (const job of jobs) results.push((await peer.ask<{ result: Record<string, unknown> }>(job)).result);
    return { seconds: (performance.now() - started) / 1000, results };
  };
  return { run, stop: peer.process.stop };
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
