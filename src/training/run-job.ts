import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject } from '../core/canonical.ts';
import { type ErrorCode, RatchetError, traits } from '../core/errors.ts';
import type {
  EstimateResult,
  ExportResult,
  Job,
  JobEvent,
  JobOf,
  TokensResult,
  TrainResult,
  ValidateResult,
} from '../core/job.ts';
import type { ProcessExit } from '../process/types.ts';
import { writeFileDurably } from '../store/files.ts';
import { type JobProcess, type JobRequest, startJobProcess } from './job-process.ts';
import { type WarmPython, warmPythonWorks } from './warm-python.ts';

/** Exit codes of `scripts/litgpt/run.py`. */
const exitCodes: Readonly<Record<number, ErrorCode>> = {
  64: 'InvalidInput',
  65: 'NotEnoughData',
  66: 'BaseMissing',
  70: 'Bug',
  71: 'OutOfMemory',
  72: 'Diverged',
  73: 'DiskFull',
  74: 'CorruptCheckpoint',
  75: 'GpuBusy',
  143: 'Cancelled',
};

export interface RunJobOptions {
  /** The Python of the environment that holds LitGPT. */
  python: string;
  /** Runs the job at once, where there is one that works here. */
  warm?: WarmPython;
  signal: AbortSignal;
  /** Seconds without an event after which the job counts as hung. */
  stallSeconds: number;
  onEvent?: (event: JobEvent) => void;
}

/** What each kind of job gives. */
export interface Results {
  train: TrainResult;
  estimate: EstimateResult;
  validate: ValidateResult;
  export: ExportResult;
  prepare: Record<string, never>;
  tokens: TokensResult;
}

/**
 * Runs one job in a process of its own, a child of the warm Python where there is one, and returns its result. Throws
 * the job's own error; `Stalled` when it went silent; the signal's reason when it was cancelled, after it has ended.
 */
export async function runJob<K extends Job['kind']>(job: JobOf<K>, options: RunJobOptions): Promise<Results[K]> {
  options.signal.throwIfAborted();
  await mkdir(job.work, { recursive: true });
  const file = join(job.work, `${job.kind}.job.json`);
  await writeFileDurably(file, `${JSON.stringify(job, null, 2)}\n`);
  const seen = watch(options);
  const request: JobRequest = {
    python: options.python,
    jobFile: file,
    logFile: join(job.work, `${job.kind}.log`),
    onLine: seen.line,
  };
  const exit = await runRequest(request, seen, options);
  options.signal.throwIfAborted();
  if (seen.stalled) {
    throw new RatchetError(
      'Stalled',
      `The ${job.kind} job gave no sign of progress for ${options.stallSeconds} s and was ended: read ${job.kind}.log in its folder.`,
    );
  }
  if (exit.code === 0 && seen.result) return seen.result as unknown as Results[K];
  throw failureOf(job, exit, seen.error);
}

interface Watch {
  line: (line: string) => void;
  lastEventAt: number;
  stalled: boolean;
  result: JobEvent | null;
  error: { code: string; message: string } | null;
}

function watch(options: RunJobOptions): Watch {
  const seen: Watch = { line, lastEventAt: Date.now(), stalled: false, result: null, error: null };
  function line(text: string): void {
    const event = parseEvent(text);
    if (!event) return;
    seen.lastEventAt = Date.now();
    if (event.event === 'result') seen.result = event;
    if (event.event === 'error') seen.error = event;
    options.onEvent?.(event);
  }
  return seen;
}

/** A warm Python that could not even begin leaves the job to a process of its own, whose messages tell more. */
async function runRequest(request: JobRequest, seen: Watch, options: RunJobOptions): Promise<ProcessExit> {
  const warm = warmPythonWorks ? options.warm : undefined;
  const exit = warm && (await supervise(warm.start(request), seen, options));
  return exit ?? supervise(startJobProcess(request), seen, options);
}

async function supervise<E>(child: JobProcess<E>, seen: Watch, options: RunJobOptions): Promise<E> {
  const onAbort = () => void child.stop();
  options.signal.addEventListener('abort', onAbort, { once: true });
  if (options.signal.aborted) onAbort();
  const timer = setInterval(() => {
    if (Date.now() - seen.lastEventAt < options.stallSeconds * 1000) return;
    seen.stalled = true;
    void child.stop();
  }, 1000);
  try {
    const exit = await child.exited;
    // The group may hold grandchildren (data loaders): nothing of it stays behind.
    await child.stop();
    return exit;
  } finally {
    clearInterval(timer);
    options.signal.removeEventListener('abort', onAbort);
  }
}

function parseEvent(text: string): JobEvent | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && typeof value.event === 'string' ? (value as unknown as JobEvent) : null;
  } catch {
    return null;
  }
}

function failureOf(job: Job, exit: ProcessExit, said: { code: string; message: string } | null): RatchetError {
  if (said && said.code in traits) return new RatchetError(said.code as ErrorCode, said.message);
  if (exit.signal === 'SIGKILL') {
    return new RatchetError(
      'Stalled',
      `The ${job.kind} job was killed from outside (often: too little memory); it goes on from its checkpoint.`,
    );
  }
  const code = exitCodes[exit.code ?? -1] ?? 'Bug';
  const last = exit.tail.trim().split('\n').at(-1) ?? '';
  return new RatchetError(
    code,
    `The ${job.kind} job ended with ${exit.signal ?? `exit code ${exit.code}`}: ${last || 'it wrote no message'}`,
  );
}

/** The result that a finished train job left in its folder; NotFound when it is gone. */
export async function readTrainResult(work: string): Promise<TrainResult> {
  const text = await readFile(join(work, 'result.json'), 'utf8').catch(() => null);
  if (text === null) {
    throw new RatchetError('NotFound', `The trained adapter is gone from ${work}: retry from the step train.`);
  }
  return JSON.parse(text) as TrainResult;
}
