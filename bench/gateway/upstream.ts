import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { searchPath } from '../../src/config.ts';
import { findExecutable } from '../../src/process/find.ts';

/**
 * Starts the upstream beside this process, on the same cores, and gives its port. With `behind` it runs only while this
 * process has nothing to do: a driver sees what has come when it comes, and not when the upstream has nothing more to send.
 * That needs the same session, since Linux shares cores among sessions first (sched_autogroup).
 */
export async function startUpstream(behind: boolean): Promise<number> {
  const command = [process.execPath, join(import.meta.dirname, 'mock.ts')];
  const chrt = behind ? findExecutable('chrt', searchPath()) : null;
  const [file = '', ...args] = chrt === null ? command : [chrt, '--idle', '0', ...command];
  const upstream = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(upstream, 'exit').then(([code]) => {
    throw new Error(`the upstream ended with ${code} before it listened`);
  });
  const [line] = (await Promise.race([once(upstream.stdout, 'data'), ended])) as [Buffer];
  return Number(line.toString());
}
