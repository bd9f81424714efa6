import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { childEnvironment, packageRoot, searchPath } from '../../src/config.ts';
import { runProcess } from '../../src/process/run.ts';

let folder: string;
let installed: string;

/** Without our own Node in front: what a person has who installs the package. */
const env = () => {
  const path = searchPath()
    .split(':')
    .filter((entry) => !entry.includes('node_modules'));
  return childEnvironment({ PATH: path.join(':'), RATCHET_HOME: folder, RATCHET_CACHE_DIR: join(folder, 'cache') });
};

async function run(command: string, args: string[], cwd: string, environment?: Record<string, string>) {
  const result = await runProcess({ command, args, cwd, timeoutMs: 280_000, ...(environment && { env: environment }) });
  return {
    ...result,
    failure: `${command} ${args.join(' ')}: ${result.code} ${result.stdout.slice(-500)} ${result.tail}`,
  };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-package-'));
  const packed = await run('npm', ['pack', '--pack-destination', folder], packageRoot);
  expect(packed.code, packed.failure).toBe(0);
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  installed = join(folder, 'node_modules', 'ratchet');
  mkdirSync(installed, { recursive: true });
  const unpacked = await run('tar', ['-xzf', join(folder, tarball), '-C', installed, '--strip-components=1'], folder);
  expect(unpacked.code, unpacked.failure).toBe(0);
  // The versions of the lock file, which a package does not carry.
  copyFileSync(join(packageRoot, 'package-lock.json'), join(installed, 'package-lock.json'));
  const args = ['ci', '--omit=dev', '--ignore-scripts', '--prefer-offline'];
  const dependencies = await run('npm', args, installed);
  expect(dependencies.code, dependencies.failure).toBe(0);
  mkdirSync(join(folder, 'node_modules', '.bin'));
  symlinkSync('../ratchet/bin/ratchet.js', join(folder, 'node_modules', '.bin', 'ratchet'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('carries what it runs and nothing that only tests it', () => {
  for (const present of ['dist/src/cli/main.js', 'bin/ratchet.js', 'scripts/litgpt/requirements.txt', 'LICENSE']) {
    expect(existsSync(join(installed, present)), present).toBe(true);
  }
  for (const absent of ['src', 'test', 'scripts/litgpt/tests', 'node_modules/vitest']) {
    expect(existsSync(join(installed, absent)), absent).toBe(false);
  }
  const files = readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' });
  expect(files.filter((file) => /\.test\.|fixtures/.test(file))).toEqual([]);
});

test('ratchet --version runs from node_modules under the Node of the system', async () => {
  const { code, stdout, failure } = await run('npx', ['--no-install', 'ratchet', '--version'], folder, env());
  expect(code, failure).toBe(0);
  expect(stdout).toBe('0.1.0');
});

const diagnosis = z.object({
  ok: z.boolean(),
  parts: z.array(
    z.object({ name: z.string(), state: z.string(), version: z.string().nullable(), fix: z.string().nullable() }),
  ),
  checks: z.array(z.object({ name: z.string(), state: z.string() })),
});

test('ratchet doctor --json looks from an installed package', async () => {
  const { code, stdout, failure } = await run('npx', ['--no-install', 'ratchet', 'doctor', '--json'], folder, env());
  const { ok, parts } = diagnosis.parse(JSON.parse(stdout));
  expect(code, failure).toBe(ok ? 0 : 1);
  expect(parts.map(({ name }) => name)).toEqual(['node', 'temporal', 'ollama', 'python']);
  expect(parts[0]).toMatchObject({ state: 'ok', version: expect.stringMatching(/^24\./) });
});
