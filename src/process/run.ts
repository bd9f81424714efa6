import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RatchetError } from '../core/errors.ts';
import { startProcess } from './supervise.ts';
import type { ProcessSpec, Supervised } from './types.ts';

const maxStdout = 1024 * 1024;

/** A short command: what it prints is wanted, and it has to end. */
export interface RunSpec extends Omit<ProcessSpec, 'onLine' | 'stdin' | 'logFile'> {
  timeoutMs: number;
  signal?: AbortSignal;
  /** Keeps standard error; without it only the tail is known. */
  logFile?: string;
}

export interface RunResult {
  /** null when a signal ended it. */
  code: number | null;
  /** Standard output without its last line end, at most 1 MB. */
  stdout: string;
  /** Last lines of standard error. */
  tail: string;
}

/** Runs a command to its end. A failing exit is a result; PartMissing, Stalled (too slow) and Cancelled are thrown. */
export async function runProcess({ timeoutMs, signal, ...spec }: RunSpec): Promise<RunResult> {
  if (signal?.aborted) throw cancelled(spec.command, signal);
  const folder = spec.logFile === undefined ? mkdtempSync(join(tmpdir(), 'ratchet-run-')) : null;
  const logFile = spec.logFile ?? join(folder ?? tmpdir(), 'stderr.log');
  const lines: string[] = [];
  let room = maxStdout;
  const onLine = (line: string) => {
    if (room <= 0) return;
    lines.push(line.slice(0, room));
    room -= line.length + 1;
  };
  try {
    const child = startProcess({ ...spec, logFile, onLine });
    const { code, tail } = await endInTime(child, { command: spec.command, timeoutMs, signal });
    return { code, stdout: lines.join('\n'), tail };
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}

interface Limits {
  command: string;
  timeoutMs: number;
  signal: AbortSignal | undefined;
}

async function endInTime(child: Supervised, { command, timeoutMs, signal }: Limits) {
  let fault: RatchetError | null = null;
  const end = (error: RatchetError) => {
    fault ??= error;
    void child.stop();
  };
  const timer = setTimeout(() => {
    end(
      new RatchetError('Stalled', `${command} did not end within ${Math.round(timeoutMs / 1000)} s and was stopped.`),
    );
  }, timeoutMs);
  const onAbort = () => {
    if (signal) end(cancelled(command, signal));
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const exit = await child.exited;
    if (fault !== null) throw fault;
    return exit;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function cancelled(command: string, signal: AbortSignal): RatchetError {
  return new RatchetError('Cancelled', `${command} was stopped because it was cancelled.`, { cause: signal.reason });
}
