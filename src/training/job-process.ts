import { join } from 'node:path';
import { childEnvironment, packageRoot } from '../config.ts';
import { startProcess } from '../process/supervise.ts';
import type { ProcessExit } from '../process/types.ts';

/** A job file, and where what its process says goes. */
export interface JobRequest {
  /** The Python of the environment that holds LitGPT. */
  python: string;
  jobFile: string;
  /** Takes its standard error. */
  logFile: string;
  /** Takes its standard output, line by line. */
  onLine: (line: string) => void;
}

/** A running job. */
export interface JobProcess<Exit = ProcessExit> {
  /** Resolves when nothing of it runs any more. */
  readonly exited: Promise<Exit>;
  /** SIGTERM, then SIGKILL after the grace, to all of it. */
  stop(): Promise<unknown>;
}

/** SIGTERM lets the trainer finish a micro-batch and write a checkpoint before SIGKILL. */
export const checkpointGraceMs = 8_000;

/** Starts a job in a Python process of its own. */
export function startJobProcess({ python, jobFile, logFile, onLine }: JobRequest): JobProcess {
  return startProcess({
    command: python,
    args: [litgptScript('run.py'), jobFile],
    env: pythonEnvironment(),
    logFile,
    onLine,
    stdin: 'lifeline',
    graceMs: checkpointGraceMs,
  });
}

export function litgptScript(name: string): string {
  return join(packageRoot, 'scripts', 'litgpt', name);
}

export function pythonEnvironment(): Record<string, string> {
  return childEnvironment({ PYTHONUNBUFFERED: '1', HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' });
}
