import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Config, loadConfig } from '../config.ts';
import { requireSpace } from './disk.ts';
import { diagnose } from './doctor.ts';
import { describePlan, ensureParts, planParts } from './ensure.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-ensure-'));
  mkdirSync(join(folder, 'bin'));
  vi.stubEnv('PATH', join(folder, 'bin'));
  // No release can be reached.
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('fetch failed')));
  for (const name of ['RATCHET_TEMPORAL', 'RATCHET_OLLAMA', 'RATCHET_PYTHON', 'RATCHET_CHROMIUM']) vi.stubEnv(name, '');
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true, force: true });
});

function config(overrides: Record<string, string> = {}): Config {
  return loadConfig({
    RATCHET_HOME: folder,
    RATCHET_CACHE_DIR: join(folder, 'cache'),
    OLLAMA_BASE_URL: 'http://127.0.0.1:1',
    ...overrides,
  });
}

/** A program that prints the same whatever it is asked. */
function program(name: string, text: string): string {
  const file = join(folder, 'bin', name);
  writeFileSync(file, `#!/bin/sh\n/bin/cat <<'END'\n${text}\nEND\n`);
  chmodSync(file, 0o755);
  return file;
}

function shell(name: string, script: string): void {
  const file = join(folder, 'bin', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

const temporal = 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)';

test('uses what is on PATH', async () => {
  const path = program('temporal', temporal);
  const found = await ensureParts(['temporal'], { config: config() });
  expect(found).toEqual({ temporal: { path, version: '1.5.1', source: 'path' } });
});

test('a setting comes before PATH', async () => {
  program('temporal', temporal);
  const path = program('my-temporal', 'temporal version 0.0.0-DEV (Server 1.31.0, UI 2.47.0)');
  const found = await ensureParts(['temporal'], { config: config({ RATCHET_TEMPORAL: path }) });
  expect(found.temporal).toEqual({ path, version: 'server 1.31.0', source: 'configured' });
});

test('a setting that cannot be used is said, not worked around', async () => {
  program('temporal', temporal);
  await expect(planParts(['temporal'], { config: config({ RATCHET_TEMPORAL: '/nowhere' }) })).rejects.toMatchObject({
    code: 'PartMissing',
    message: expect.stringContaining('RATCHET_TEMPORAL is /nowhere'),
  });
});

test('an old server is not enough', async () => {
  program('temporal', 'temporal version 1.0.0 (Server 1.24.2, UI 2.28.0)');
  const plan = await planParts(['temporal'], { config: config() });
  expect(plan.needed.map(({ name }) => name)).toEqual(['temporal']);
});

test('the plan says what, how long and how much before anything is done', async () => {
  const plan = await planParts(['temporal', 'ollama'], { config: config() });
  const [first, ...lines] = describePlan(plan);
  expect(first).toMatch(/about \d+ minutes; .* GB are needed, .* are free/);
  expect(lines).toHaveLength(2);
});

test('an unsafe Ollama on PATH is not used, and the reason is told', async () => {
  program('ollama', 'Warning: client version is 0.17.0');
  const plan = await planParts(['ollama'], { config: config() });
  expect(plan.needed[0]?.reason).toContain('CVE-2026-7482');
});

test('an Ollama that go install built is known by its module', async () => {
  const line = 'mod\tgithub.com/ollama/ollama\tv0.17.4\th1:x';
  const path = program('ollama', `Warning: client version is 0.0.0\n${line}`);
  const plan = await planParts(['ollama'], { config: config() });
  expect(plan.present[0]?.part).toEqual({ path, version: '0.17.4', source: 'path' });
});

test('without a compiler it says what to install', async () => {
  const made = ensureParts(['temporal'], { config: config() });
  await expect(made).rejects.toMatchObject({
    code: 'PartMissing',
    message: expect.stringContaining('install Temporal'),
  });
});

test('builds what cannot be downloaded, tells how it goes, and keeps it', async () => {
  const go = `for last; do :; done; echo "$last" > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"`;
  shell('go', go.replace('chmod', '/bin/chmod'));
  const told: string[] = [];
  const settings = config();
  const { temporal: built } = await ensureParts(['temporal'], {
    config: settings,
    onProgress: (line) => told.push(line),
  });
  expect(built).toEqual({
    path: join(folder, 'cache', 'tools', 'temporal-1.5.1', 'temporal'),
    version: '1.5.1',
    source: 'built',
  });
  expect(readFileSync(built.path, 'utf8')).toBe('github.com/temporalio/cli/cmd/temporal@v1.5.1\n');
  expect(told.at(-1)).toMatch(/^Building Temporal 1\.5\.1: done in \d+ s$/);
  expect(await ensureParts(['temporal'], { config: settings })).toEqual({ temporal: built });
});

test('a build that fails shows the end of its log', async () => {
  shell('go', 'echo "no such module" >&2; exit 1');
  await expect(ensureParts(['temporal'], { config: config() })).rejects.toMatchObject({
    code: 'PartMissing',
    message: expect.stringContaining('no such module'),
  });
});

test('a build that is interrupted leaves nothing in the way of the next', async () => {
  shell('go', '/bin/sleep 60');
  const abort = new AbortController();
  const settings = config();
  const first = ensureParts(['temporal'], { config: settings, signal: abort.signal });
  setTimeout(() => abort.abort(new Error('interrupted')), 500);
  await expect(first).rejects.toMatchObject({ code: 'Cancelled' });
  shell('go', 'echo ok > "$GOBIN/temporal"; /bin/chmod +x "$GOBIN/temporal"');
  expect((await ensureParts(['temporal'], { config: settings })).temporal.source).toBe('built');
  expect(readdirSync(join(folder, 'cache', 'tools')).toSorted()).toEqual(['logs', 'temporal-1.5.1']);
});

/** A Python whose environments hold one as well, and whose pip does what it is told. */
function python(pip: string): void {
  const said = `case "$*" in *ensurepip*) echo 3.11.9;; *importlib*) echo 0.5.13;; *venv*) /bin/mkdir -p "$3/bin"; /bin/cp "$0" "$3/bin/python";; *pip*) ${pip};; esac`;
  shell('python3', said);
}

/** What waits for a file for as long as a test takes, and fails without it. */
function untilThere(name: string): string {
  return `for i in 1 2 3 4 5 6 7 8 9 10; do [ -e ${folder}/${name} ] && break; /bin/sleep 0.5; done; [ -e ${folder}/${name} ] || exit 1`;
}

test('what compiles and what is installed are made side by side', async () => {
  shell('go', `: > ${folder}/go; ${untilThere('pip')}; echo ok > "$GOBIN/temporal"; /bin/chmod +x "$GOBIN/temporal"`);
  python(`: > ${folder}/pip; ${untilThere('go')}`);
  const plan = await planParts(['temporal', 'python'], { config: config() });
  expect(plan.minutes).toBe(5);
  const made = await ensureParts(['temporal', 'python'], { config: config() });
  expect(made).toMatchObject({ temporal: { source: 'built' }, python: { version: 'litgpt 0.5.13' } });
});

test('when one of them fails the other is stopped, and the error is that of the first', async () => {
  shell('go', `${untilThere('pip')}; echo "no such module" >&2; exit 1`);
  python(`: > ${folder}/pip; exec /bin/sleep 600`);
  await expect(ensureParts(['temporal', 'python'], { config: config() })).rejects.toMatchObject({
    code: 'PartMissing',
    message: expect.stringContaining('no such module'),
  });
});

test('nothing is begun without the space for it', () => {
  expect(() => requireSpace(folder, 1e12)).toThrowError(expect.objectContaining({ code: 'DiskFull' }));
  expect(() => requireSpace(join(folder, 'not', 'there'), 1)).not.toThrow();
});

test('the doctor names every part, its source and the command that fixes it', async () => {
  program('temporal', temporal);
  program('ollama', 'Warning: client version is 0.17.0');
  const { ok, parts, checks } = await diagnose(config());
  expect(ok).toBe(false);
  expect(parts.map(({ name, state, fix }) => [name, state, fix])).toEqual([
    ['node', 'ok', null],
    ['temporal', 'ok', null],
    ['ollama', 'unsafe', 'ratchet setup'],
    ['python', 'missing', 'ratchet setup'],
  ]);
  expect(new Set(checks.map(({ name }) => name))).toEqual(new Set(['disk', 'data', 'port', 'ollama', 'gpu']));
  expect(checks.find(({ name }) => name === 'gpu')?.message).toContain('CPU');
});
