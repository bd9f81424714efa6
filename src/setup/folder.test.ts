import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Config, loadConfig } from '../config.ts';
import { findInstalled, install, sha256OfFile } from './folder.ts';
import { withLock } from './lock.ts';

let folder: string;
let config: Config;
let told: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-folder-'));
  config = loadConfig({ RATCHET_HOME: folder, RATCHET_CACHE_DIR: join(folder, 'cache') });
  told = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const context = (signal?: AbortSignal) => ({ config, signal, onProgress: (line: string) => void told.push(line) });

function makeThing(calls: string[]) {
  return async (work: string) => {
    calls.push(work);
    writeFileSync(join(work, 'thing'), 'thing 1.0.0');
    return { version: '1.0.0', source: 'built', entry: 'thing' } as const;
  };
}

test('makes a part once, with what it is and its digest beside it', async () => {
  const calls: string[] = [];
  const first = await install(context(), { id: 'thing-1.0.0', make: makeThing(calls) });
  const second = await install(context(), { id: 'thing-1.0.0', make: makeThing(calls) });
  expect(second).toEqual(first);
  expect(calls).toHaveLength(1);
  const installed = join(folder, 'cache', 'tools', 'thing-1.0.0');
  expect(first).toEqual({ path: join(installed, 'thing'), version: '1.0.0', source: 'built' });
  expect(JSON.parse(readFileSync(join(installed, 'part.json'), 'utf8'))).toEqual({
    version: '1.0.0',
    source: 'built',
    entry: 'thing',
    digest: await sha256OfFile(join(installed, 'thing')),
  });
  expect(readdirSync(join(folder, 'cache', 'tools'))).toEqual(['thing-1.0.0']);
});

test.each([false, true])('what failed half-way does not count and is made again (in place: %s)', async (inPlace) => {
  const failing = async (work: string) => {
    writeFileSync(join(work, 'thing'), 'half');
    throw new Error('no network');
  };
  await expect(install(context(), { id: 'thing-1.0.0', inPlace, make: failing })).rejects.toThrow('no network');
  expect(findInstalled(config, 'thing-1.0.0')).toBeNull();
  const part = await install(context(), { id: 'thing-1.0.0', inPlace, make: makeThing([]) });
  expect(readFileSync(part.path, 'utf8')).toBe('thing 1.0.0');
});

test('a part whose file is gone is made again', async () => {
  const calls: string[] = [];
  const { path } = await install(context(), { id: 'thing-1.0.0', make: makeThing(calls) });
  rmSync(path);
  await install(context(), { id: 'thing-1.0.0', make: makeThing(calls) });
  expect(calls).toHaveLength(2);
});

test('two set-ups at once make one part', async () => {
  const calls: string[] = [];
  const slow = async (work: string) => {
    while (told.length === 0) await sleep(5);
    return makeThing(calls)(work);
  };
  const both = [1, 2].map(() => install(context(), { id: 'thing-1.0.0', make: slow }));
  const [a, b] = await Promise.all(both);
  expect(a).toEqual(b);
  expect(calls).toHaveLength(1);
  expect(told.join()).toContain('another set-up');
});

test('the lock of a process that is gone is taken over', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  mkdirSync(join(folder, 'x.lock'));
  writeFileSync(join(folder, 'x.lock', 'pid'), String(pid));
  expect(await withLock({ folder, name: 'x' }, context(), async () => 'done')).toBe('done');
  expect(existsSync(join(folder, 'x.lock'))).toBe(false);
});

test('waiting for a lock can be cancelled', async () => {
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error('enough')), 50);
  await withLock({ folder, name: 'x' }, context(), async () => {
    const waiting = withLock({ folder, name: 'x' }, context(abort.signal), async () => 'never');
    await expect(waiting).rejects.toMatchObject({ code: 'Cancelled' });
  });
});
