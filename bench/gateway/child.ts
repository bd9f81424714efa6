import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { childEnvironment, searchPath } from '../../src/config.ts';
import { findExecutable } from '../../src/process/find.ts';
import { startProcess } from '../../src/process/supervise.ts';
import type { StartedProcess } from '../../src/process/types.ts';

/** The gateways have a core for themselves; driver and upstream share another. */
export const cores = { driver: 0, gateway: 1 } as const;

export interface Pinned {
  name: string;
  /** Null: it may run on any. */
  core: number | null;
  command: string;
  args: readonly string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Folder of its log. */
  folder: string;
}

/** Whether processes can be kept on a core. */
export function canPin(): boolean {
  return findExecutable('taskset', searchPath()) !== null && availableParallelism() > cores.gateway;
}

/** Starts a process on a core, where that can be. */
export function startPinned(child: Pinned, onLine?: (line: string) => void): StartedProcess {
  const pinned = child.core !== null && canPin();
  const args = pinned ? ['-c', String(child.core), child.command, ...child.args] : child.args;
  return startProcess({
    command: pinned ? 'taskset' : child.command,
    args,
    env: childEnvironment(child.env),
    logFile: join(child.folder, `${child.name}.log`),
    stdin: 'lifeline',
    ...(child.cwd !== undefined && { cwd: child.cwd }),
    ...(onLine && { onLine }),
  });
}

/** A process that answers each line with a line. */
export interface Asked {
  process: StartedProcess;
  ask<T>(command: unknown): Promise<T>;
  /** Its first line. */
  first: string;
}

/** Starts a process that takes a command per line, and waits for its first line. */
export async function startAsked(child: Pinned): Promise<Asked> {
  const waiting: ((line: string) => void)[] = [];
  const process = startPinned(child, (line) => waiting.shift()?.(line));
  const reply = (): Promise<string> =>
    new Promise((resolve, reject) => {
      waiting.push(resolve);
      void process.exited.then(({ tail }) => reject(new Error(`${child.name} ended: ${tail}`)));
    });
  const first = await reply();
  return {
    process,
    first,
    async ask<T>(command: unknown): Promise<T> {
      const line = reply();
      process.send(JSON.stringify(command));
      const answer = JSON.parse(await line) as T & { error?: string };
      if (answer.error !== undefined) throw new Error(`${child.name}: ${answer.error}`);
      return answer;
    },
  };
}

/** The client of a bench and the upstream that it started. */
export interface Driven {
  driver: Asked;
  /** Port of the upstream. */
  mockPort: number;
}

/** Starts both on a core, or on any; with `before` the driver goes before the upstream where they meet. */
export async function startDriver(folder: string, core: number | null, before = false): Promise<Driven> {
  const args = [join(import.meta.dirname, 'driver.ts'), ...(before ? ['--before'] : [])];
  const driver = await startAsked({ name: 'driver', core, command: process.execPath, args, folder });
  return { driver, mockPort: Number(driver.first) };
}
