import { randomUUID } from 'node:crypto';
import { startProcess, superviseGroup } from '../process/supervise.ts';
import { lengthOf } from '../process/tail.ts';
import type { ProcessExit, StartedProcess, Supervised } from '../process/types.ts';
import { type JobProcess, type JobRequest, checkpointGraceMs, litgptScript, pythonEnvironment } from './job-process.ts';

/** The imports of PyTorch and LitGPT take seconds and hold some hundred MB: kept for the next step, not for ever. */
const defaultIdleMs = 5 * 60_000;

export type WarmJob = JobProcess<ProcessExit | null>;

export interface WarmPythonOptions {
  /** Log of the server itself; each job has its own. */
  logFile: string;
  idleMs?: number;
}

/**
 * A Python that has imported everything and runs each job in a child of its own (`scripts/litgpt/serve.py`). It starts
 * with the first job, ends after some idle minutes, and starts again when it is needed.
 */
export interface WarmPython {
  /** Starts a job; its exit is null when it could not begin. */
  start(request: JobRequest): WarmJob;
  /** The process id, while it runs. */
  pid(): number | null;
  /** Ends it with all its jobs. */
  stop(): Promise<void>;
}

export function createWarmPython({ logFile, idleMs = defaultIdleMs }: WarmPythonOptions): WarmPython {
  let server: Server | null = null;
  let idle: NodeJS.Timeout | undefined;
  const stop = async () => {
    clearTimeout(idle);
    const ending = server;
    server = null;
    await ending?.stop();
  };
  const start = (request: JobRequest): WarmJob => {
    clearTimeout(idle);
    if (server?.usable(request.python) !== true) {
      void server?.stop();
      server = startServer(request.python, logFile);
    }
    const used = server;
    const job = used.start(request);
    void job.exited.then(() => {
      if (server !== used || used.busy()) return;
      clearTimeout(idle);
      idle = setTimeout(() => void stop(), idleMs).unref();
    });
    return job;
  };
  return { start, stop, pid: () => server?.pid ?? null };
}

/** Whether a process can be copied here once it has imported PyTorch: macOS forbids it, Windows cannot. */
export const warmPythonWorks = process.platform === 'linux';

interface Server {
  pid: number;
  usable(python: string): boolean;
  busy(): boolean;
  start(request: JobRequest): WarmJob;
  stop(): Promise<unknown>;
}

function startServer(python: string, logFile: string): Server {
  const jobs = new Map<string, RoutedJob>();
  let ended = false;
  const child = startProcess({
    command: python,
    args: [litgptScript('serve.py')],
    env: pythonEnvironment(),
    logFile,
    onLine: (text) => {
      const reply = JSON.parse(text) as Reply;
      jobs.get(reply.id)?.take(reply);
    },
    stdin: 'lifeline',
    graceMs: checkpointGraceMs + 1_000,
  });
  const stop = () => {
    ended = true;
    return child.stop();
  };
  void child.exited.then(() => {
    ended = true;
    for (const job of jobs.values()) job.lost();
  });
  const start = (request: JobRequest): WarmJob => {
    const id = randomUUID();
    // A job that has no process yet is stopped with the server, where it is the only one.
    const job = createWarmJob(request, () => (jobs.size === 1 ? stop() : null));
    jobs.set(id, job);
    void job.exited.then(() => jobs.delete(id));
    if (ended) job.lost();
    else send(child, { id, job: request.jobFile, log: request.logFile });
    return job;
  };
  return { pid: child.pid, usable: (wanted) => !ended && wanted === python, busy: () => jobs.size > 0, start, stop };
}

function send(child: StartedProcess, request: { id: string; job: string; log: string }): void {
  child.send(JSON.stringify(request));
}

/** A line of the server's. */
type Reply = { id: string } & (
  | { pid: number }
  | { line: string }
  | { exit: number | null; signal: string | null }
  | { refused: string }
);

interface RoutedJob extends WarmJob {
  take(reply: Reply): void;
  /** The server is gone, and its children with it. */
  lost(): void;
}

function createWarmJob(request: JobRequest, stopUnborn: () => unknown): RoutedJob {
  const offset = lengthOf(request.logFile);
  const left = Promise.withResolvers<Pick<ProcessExit, 'code' | 'signal'>>();
  const over = Promise.withResolvers<ProcessExit | null>();
  let child: Supervised | null = null;
  let unborn = true;
  let stopping = false;
  const begin = (pid: number) => {
    unborn = false;
    child = superviseGroup({
      pid,
      left: left.promise,
      // The server tells of an end after all output.
      drained: Promise.resolve(),
      log: { file: request.logFile, offset },
      graceMs: checkpointGraceMs,
    });
    over.resolve(child.exited);
    if (stopping) void child.stop();
  };
  const notBegun = () => {
    unborn = false;
    over.resolve(stopping ? { code: null, signal: 'SIGTERM', tail: '' } : null);
  };
  const take = (reply: Reply) => {
    if ('pid' in reply) begin(reply.pid);
    else if ('line' in reply) request.onLine(reply.line);
    else if ('refused' in reply) notBegun();
    else left.resolve({ code: reply.exit, signal: reply.signal });
  };
  const lost = () => {
    if (unborn) notBegun();
    left.resolve({ code: null, signal: 'SIGKILL' });
  };
  const stop = async () => {
    stopping = true;
    if (unborn) stopUnborn();
    await child?.stop();
    await over.promise;
  };
  return { exited: over.promise, stop, take, lost };
}
