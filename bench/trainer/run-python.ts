import { join } from 'node:path';
import { packageRoot } from '../../src/config.ts';
import { startProcess } from '../../src/process/supervise.ts';

/** Holds the base that comes with the package. */
export const tinyBase = join(packageRoot, 'scripts', 'litgpt', 'tiny_base', 'model');

/** Runs a program of `bench/peers` to its end, and gives its last line. Throws with the end of its log when it fails. */
export async function runPython(
  python: string,
  program: string,
  args: readonly string[],
  logFile: string,
): Promise<string> {
  let line = '';
  const child = startProcess({
    command: python,
    args: [join(import.meta.dirname, '..', 'peers', program), ...args],
    logFile,
    stdin: 'lifeline',
    onLine: (text) => {
      line = text;
    },
  });
  const { code, tail } = await child.exited;
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${tail}`);
  return line;
}
