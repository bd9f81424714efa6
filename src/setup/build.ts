import { join } from 'node:path';
import { childEnvironment, searchPath } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import { findExecutable } from '../process/find.ts';
import { startProcess } from '../process/supervise.ts';
import { readTail } from '../process/tail.ts';
import { toolsFolder } from './folder.ts';
import type { SetupContext } from './part.ts';

const tellEveryMs = 5_000;

export interface BuildStep {
  /** Names the step in progress lines and its log. */
  title: string;
  command: string;
  args: readonly string[];
  cwd?: string;
  env?: Record<string, string>;
}

/** Runs one long step, telling the time and the last log line every few seconds. PartMissing, with the log, when it fails. */
export async function runStep(step: BuildStep, { config, signal, onProgress }: SetupContext): Promise<void> {
  if (signal?.aborted) throw cancelled(step.title, signal);
  const logFile = join(toolsFolder(config), 'logs', `${step.title.replaceAll(/\W+/g, '-').toLowerCase()}.log`);
  const begin = Date.now();
  const seconds = () => Math.round((Date.now() - begin) / 1000);
  const child = startProcess({
    command: step.command,
    args: step.args,
    ...(step.cwd === undefined ? {} : { cwd: step.cwd }),
    env: childEnvironment(step.env),
    logFile,
  });
  const timer = setInterval(() => {
    onProgress(`${step.title}: ${seconds()} s, ${lastLine(logFile)}`);
  }, tellEveryMs);
  const onAbort = () => void child.stop();
  signal?.addEventListener('abort', onAbort, { once: true });
  const { code, tail } = await child.exited;
  clearInterval(timer);
  signal?.removeEventListener('abort', onAbort);
  if (signal?.aborted) throw cancelled(step.title, signal);
  if (code !== 0) {
    throw new RatchetError('PartMissing', `${step.title} failed; the log is ${logFile}. It ends with: ${tail}`, {
      details: { log: logFile },
    });
  }
  onProgress(`${step.title}: done in ${seconds()} s`);
}

/** The program on PATH, or PartMissing with what a person has to install. */
export function requireProgram(command: string, advice: string): string {
  const found = findExecutable(command, searchPath());
  if (found === null) throw new RatchetError('PartMissing', advice, { details: { command } });
  return found;
}

function cancelled(title: string, signal: AbortSignal): RatchetError {
  return new RatchetError('Cancelled', `${title} was cancelled; the set-up goes on from there when it is run again.`, {
    cause: signal.reason,
  });
}

function lastLine(logFile: string): string {
  return (readTail(logFile).split('\n').at(-1) ?? '').slice(0, 120) || 'working';
}
