import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

interface Told {
  /** Of the process that tells, and of the one that was started. */
  pid: number;
  started: number | undefined;
  argv: string[];
  execArgv: string[];
  /** What it was started with, and what its children get. */
  given: string[];
  handedOn: string[];
}

const settings = ['MALLOC_ARENA_MAX', 'MALLOC_TRIM_THRESHOLD_', 'RATCHET_LEAN'];

/** Starts leanly and tells what became of it. */
const program = `
  import { readFileSync } from 'node:fs';
  import { startLean } from ${JSON.stringify(new URL('./lean-start.ts', import.meta.url).href)};
  startLean();
  const isOurs = (line) => ${JSON.stringify(settings)}.some((name) => line.startsWith(name + '='));
  console.log(JSON.stringify({
    pid: process.pid,
    argv: process.argv.slice(1),
    execArgv: process.execArgv.filter((argument) => !argument.includes('startLean')),
    given: readFileSync('/proc/self/environ', 'utf8').split('\\0').filter(isOurs).sort(),
    handedOn: Object.entries(process.env).map((entry) => entry.join('=')).filter(isOurs),
  }));
`;

async function start(env: Record<string, string> = {}): Promise<Told> {
  const flags = ['--no-warnings', '--input-type=module', '--eval', program, '--'];
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.includes(name)));
  const running = promisify(execFile)(process.execPath, [...flags, 'one', '--two'], { env: { ...clean, ...env } });
  const { stdout, stderr } = await running;
  expect(stderr).toBe('');
  return { ...(JSON.parse(stdout) as Omit<Told, 'started'>), started: running.child.pid };
}

// Elsewhere there is nothing to set.
describe.runIf(process.platform === 'linux')('on Linux', () => {
  test('a process begins anew under its own id, with its own arguments, and hands nothing on', async () => {
    const told = await start();
    expect(told.given).toEqual(['MALLOC_ARENA_MAX=1', 'MALLOC_TRIM_THRESHOLD_=262144', 'RATCHET_LEAN=1']);
    expect(told.handedOn).toEqual([]);
    expect(told.pid).toBe(told.started);
    expect(told.argv).toEqual(['one', '--two']);
    expect(told.execArgv).toEqual(expect.arrayContaining(['--no-warnings', '--input-type=module']));
  });

  test('who has settings of their own keeps them, and children get them', async () => {
    const told = await start({ MALLOC_ARENA_MAX: '4' });
    expect(told.given).toEqual(['MALLOC_ARENA_MAX=4']);
    expect(told.handedOn).toEqual(['MALLOC_ARENA_MAX=4']);
  });
});
