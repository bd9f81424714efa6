import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../config.ts';
import { lockedPython } from './locked.ts';
import type { SetupContext } from './part.ts';

let folder: string;
let context: SetupContext;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-locked-'));
  context = { config: loadConfig({ RATCHET_CACHE_DIR: folder, RATCHET_HOME: folder }), onProgress: () => {} };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const partOf = (lock: string) =>
  lockedPython({ name: 'python-clients', title: 'a test', lock, subject: 'nothing', minutes: 1, megabytes: 1 });

test('an environment is made once for a lock, and anew for another', async () => {
  const lock = join(folder, 'lock.txt');
  writeFileSync(lock, '# nothing==1.0 is only a comment\n');
  const part = partOf(lock);
  expect(await part.find(context)).toMatchObject({ state: 'missing' });
  const made = await part.make(context);
  expect(existsSync(made.path)).toBe(true);
  expect(await part.find(context)).toEqual({ state: 'ok', part: made });
  expect(await part.make(context)).toEqual(made);
  writeFileSync(lock, '# nothing==2.0\n');
  expect(await part.find(context)).toMatchObject({ state: 'missing' });
});

test('without its lock, as in the package, it is not tried', async () => {
  expect(await partOf(join(folder, 'none.txt')).find(context)).toMatchObject({ state: 'missing', final: true });
});

test('what pip cannot install says where the log is', async () => {
  const lock = join(folder, 'lock.txt');
  writeFileSync(lock, 'not a requirement at all\n');
  await expect(partOf(lock).make(context)).rejects.toMatchObject({
    code: 'PartMissing',
    message: expect.stringMatching('the log is') as string,
  });
  expect(await partOf(lock).find(context)).toMatchObject({ state: 'missing' });
});
