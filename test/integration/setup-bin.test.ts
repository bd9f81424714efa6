import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packageRoot, searchPath } from '../../src/config.ts';
import { findExecutable } from '../../src/process/find.ts';
import { runProcess } from '../../src/process/run.ts';

/** Any Node that is older than ours, such as the one of the system. */
const pathsWithoutOurs = searchPath()
  .split(':')
  .filter((folder) => !folder.includes('node_modules'))
  .join(':');
const systemNode = findExecutable('node', pathsWithoutOurs);
const isOlder =
  systemNode !== null && Number.parseInt(execFileSync(systemNode, ['-p', 'process.versions.node']).toString(), 10) < 24;

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-bin-'));
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'src', 'cli'), { recursive: true });
  cpSync(join(packageRoot, 'bin', 'ratchet.js'), join(folder, 'bin', 'ratchet.js'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function main(source: string): void {
  writeFileSync(join(folder, 'src', 'cli', 'main.ts'), source);
}

function ratchet(...args: string[]) {
  return ratchetWith({}, ...args);
}

function ratchetWith(env: Record<string, string>, ...args: string[]) {
  const command = systemNode ?? process.execPath;
  return runProcess({
    command,
    args: [join(folder, 'bin', 'ratchet.js'), ...args],
    env: inFolder(env),
    timeoutMs: 120_000,
  });
}

/** Nothing is left in the cache folder of who runs the tests. */
function inFolder(env: Record<string, string> = {}) {
  return { ...process.env, RATCHET_CACHE_DIR: join(folder, 'cache'), ...env };
}

test('runs under Node 24 whatever Node started it, with the same arguments and exit code', async () => {
  symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  main(`const words: string[] = process.argv.slice(2);
    console.log(process.versions.node.split('.')[0], JSON.stringify(words));
    process.exitCode = 9;`);
  expect(await ratchet('a', 'b c', '--d')).toMatchObject({ code: 9, stdout: '24 ["a","b c","--d"]' });
});

test('keeps compiled code for this user alone, and runs what the source says after a change', async () => {
  symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  main(`const word: string = 'one'; console.log(word);`);
  for (const _ of [1, 2]) expect(await ratchet()).toMatchObject({ code: 0, stdout: 'one' });
  const compiled = join(folder, 'cache', 'compiled');
  expect(statSync(compiled).mode & 0o777).toBe(0o700);
  expect(readdirSync(compiled)).not.toEqual([]);
  main(`const word: string = 'two'; console.log(word);`);
  expect(await ratchet()).toMatchObject({ code: 0, stdout: 'two' });
});

test('keeps it where the settings have it, from the home folder on, and goes on where it cannot', async () => {
  symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  main(`const word: string = 'one'; console.log(word);`);
  await ratchetWith({ RATCHET_HOME: folder, RATCHET_CACHE_DIR: 'kept' });
  expect(readdirSync(join(folder, 'kept'))).toEqual(['compiled']);
  const inTheWay = join(folder, 'file');
  writeFileSync(inTheWay, '');
  expect(await ratchetWith({ RATCHET_CACHE_DIR: inTheWay })).toMatchObject({ code: 0, stdout: 'one', tail: '' });
});

test('hands signals on and ends by the same one', async () => {
  symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
  main(`process.on('SIGTERM', () => { console.log('saved'); process.exit(4); });
    console.log('ready');
    setInterval(() => {}, 1000);`);
  const child = spawn(systemNode ?? process.execPath, [join(folder, 'bin', 'ratchet.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: inFolder(),
  });
  const output: string[] = [];
  const left = new Promise((resolve) => {
    // Not at its exit: what it said last may not have been read by then.
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  child.stdout.on('data', (chunk: Buffer) => {
    output.push(chunk.toString());
    if (chunk.includes('ready')) child.kill('SIGTERM');
  });
  expect(await left).toEqual({ code: 4, signal: null });
  expect(output.join('')).toBe('ready\nsaved\n');
});

test.skipIf(!isOlder)('says in one sentence what to install when there is no Node 24', async () => {
  const { code, tail } = await ratchet();
  expect(code).toBe(1);
  expect(tail).toMatch(/^ratchet: this is Node \d+\.\d+\.\d+ and Ratchet needs Node 24: install it .*\.$/);
});
