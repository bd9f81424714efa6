import { spawn } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { childEnvironment } from '../src/config.ts';

export interface Command {
  command: string;
  args: readonly string[];
  cwd?: string;
  env?: Record<string, string>;
}

/** Runs a command on our own terminal; gives its exit code, or 1 when it could not start or a signal ended it. */
export function runHere({ command, args, cwd, env = childEnvironment() }: Command): Promise<number> {
  // What npm installed says "node" and means ours.
  const path = `${dirname(process.execPath)}${delimiter}${env.PATH ?? ''}`;
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...env, PATH: path }, ...(cwd ? { cwd } : {}) });
    child.once('error', (error) => {
      console.error(`${command} did not start: ${error.message}`);
      resolve(1);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** An executable that `npm ci` installed. */
export function installed(name: string): string {
  return new URL(`../node_modules/.bin/${name}`, import.meta.url).pathname;
}
