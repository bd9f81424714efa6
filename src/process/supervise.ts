import { closeSync, existsSync, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import type * as Execa from 'execa';
import { childEnvironment } from '../config.ts';
import { asRatchetError, RatchetError } from '../core/errors.ts';
import { findExecutable } from './find.ts';
import { adoptGroup, endGroup, groupRuns } from './group.ts';
import { splitLines } from './lines.ts';
import { readTail } from './tail.ts';
import type { ProcessExit, ProcessSpec, StartedProcess, Supervised } from './types.ts';

const require = createRequire(import.meta.url);

const defaultGraceMs = 5_000;
/** How long output may still come when the child is gone but something else holds its end of the pipe, in ms. */
const drainMs = 1_000;

/** Starts a child in a process group of its own. PartMissing when there is no such program. */
export function startProcess(spec: ProcessSpec): StartedProcess {
  const env = spec.env ?? childEnvironment();
  const file = executableOf(spec, env);
  const log = openLog(spec.logFile);
  // Loaded with the first child: a process that only answers chats starts none, and it takes 5 MB.
  const { execa } = require('execa') as typeof Execa;
  // The child writes to the file itself. Any open descriptor goes through; the type of execa names the first few only.
  const descriptor = log.fd as 3;
  const child = execa(file, spec.args, {
    ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
    env,
    extendEnv: false,
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    windowsHide: true,
    stdin: spec.stdin === 'lifeline' ? 'pipe' : 'ignore',
    stdout: spec.onLine ? 'pipe' : descriptor,
    stderr: descriptor,
  });
  closeSync(log.fd);
  const { pid } = child;
  if (pid === undefined) throw notStarted(spec);
  child.stdin?.on('error', () => {});
  const left = new Promise<Pick<ProcessExit, 'code' | 'signal'>>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const drained = spec.onLine && child.stdout ? readLines(child.stdout, spec.onLine, spec.logFile) : Promise.resolve();
  const supervised = superviseGroup({ pid, left, drained, log, graceMs: spec.graceMs ?? defaultGraceMs });
  void supervised.exited.then(() => child.stdout?.destroy());
  const send = (line: string) => {
    if (child.stdin?.writable === true) child.stdin.write(`${line}\n`);
  };
  return { ...supervised, send };
}

/** A process that leads a group of its own, whoever started it. */
export interface GroupLeader {
  pid: number;
  left: Promise<Pick<ProcessExit, 'code' | 'signal'>>;
  /** Resolves when all its output has been taken. */
  drained: Promise<void>;
  /** Its log, and where its part begins. */
  log: { file: string; offset: number };
  graceMs: number;
}

/** Watches over a process and its group; nothing of it outlives us. */
export function superviseGroup({ pid, left, drained, log, graceMs }: GroupLeader): Supervised {
  let stopping: Promise<ProcessExit> | null = null;
  let over = false;
  let forget = () => {};
  const exited = (async () => {
    const exit = await left;
    // What a child leaves behind would hold its output, its ports and its GPU memory.
    if (stopping === null && groupRuns(pid)) await endGroup(pid, Math.min(graceMs, drainMs));
    await within(drained, drainMs);
    over = true;
    forget();
    return { ...exit, tail: readTail(log.file, log.offset) };
  })();
  const stop = () => {
    stopping ??= over ? exited : endGroup(pid, graceMs).then(() => exited);
    return stopping;
  };
  forget = adoptGroup(pid, stop);
  return { pid, exited, stop };
}

interface Log {
  file: string;
  fd: number;
  /** Where this child's part begins. */
  offset: number;
}

function openLog(file: string): Log {
  try {
    mkdirSync(dirname(file), { recursive: true });
    const fd = openSync(file, 'a', 0o600);
    return { file, fd, offset: fstatSync(fd).size };
  } catch (error) {
    throw asRatchetError(error);
  }
}

function readLines(stdout: Readable, onLine: (line: string) => void, logFile: string): Promise<void> {
  const lines = splitLines((line) => {
    try {
      onLine(line);
    } catch (error) {
      noteFault(logFile, error);
    }
  });
  return new Promise((resolve) => {
    stdout.on('data', (chunk: Buffer) => lines.push(chunk));
    stdout.once('close', () => {
      lines.end();
      resolve();
    });
    stdout.once('end', () => stdout.destroy());
    stdout.on('error', () => stdout.destroy());
  });
}

/** A fault of the reader must not take the child or us down. */
function noteFault(logFile: string, error: unknown): void {
  try {
    const fd = openSync(logFile, 'a');
    writeSync(fd, `ratchet: a line of output could not be taken: ${asRatchetError(error).message}\n`);
    closeSync(fd);
  } catch {
    // The log is the only place to say so.
  }
}

function executableOf(spec: ProcessSpec, env: Record<string, string>): string {
  if (spec.cwd !== undefined && !existsSync(spec.cwd)) {
    throw new RatchetError('NotFound', `${spec.command} was to run in ${spec.cwd}, which does not exist: create it.`);
  }
  const file = findExecutable(spec.command, env.PATH ?? '');
  if (file !== null) return file;
  throw new RatchetError(
    'PartMissing',
    `${spec.command} was not found: install it or put it on PATH; "ratchet doctor" lists what is missing.`,
    { details: { command: spec.command } },
  );
}

function notStarted(spec: ProcessSpec): RatchetError {
  return new RatchetError(
    'PartMissing',
    `${spec.command} could not be started: see whether it runs by hand and whether this user may start more processes.`,
    { details: { command: spec.command } },
  );
}

async function within(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, limit]);
  clearTimeout(timer);
}
