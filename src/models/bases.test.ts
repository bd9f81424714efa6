import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../config.ts';
import { type BaseRoots, baseModelName, builtInBases, listBases, resolveBase } from './bases.ts';

let folder: string;
let roots: BaseRoots;

async function makeBase(
  path: string,
  files = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'm.safetensors'],
) {
  await mkdir(path, { recursive: true });
  for (const file of files) await writeFile(join(path, file), '{}');
}

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'ratchet-bases-')));
  const basesDir = join(folder, 'bases');
  await makeBase(join(basesDir, 'whole'));
  await makeBase(join(basesDir, 'served'));
  await writeFile(join(basesDir, 'served', 'ratchet.json'), '{"ollama":"qwen2.5:0.5b"}');
  await makeBase(join(basesDir, 'bad-settings'));
  await writeFile(join(basesDir, 'bad-settings', 'ratchet.json'), '{"olama":1}');
  await makeBase(join(basesDir, 'half'), ['config.json']);
  await makeBase(join(folder, 'elsewhere'));
  await symlink(join(folder, 'elsewhere'), join(basesDir, 'link'));
  await makeBase(join(basesDir, 'leaky'));
  await symlink(join(folder, 'elsewhere', 'config.json'), join(basesDir, 'leaky', 'extra.json'));
  await symlink('whole', join(basesDir, 'alias'));
  roots = { basesDir, builtIn: { 'tiny-support': join(folder, 'elsewhere') } };
});
afterAll(() => rm(folder, { recursive: true }));

test.each([
  ['whole', 'whole', null],
  ['alias', 'whole', null],
  ['served', 'served', 'qwen2.5:0.5b'],
])('finds %s', async (name, target, ollama) => {
  expect(await resolveBase(roots, name)).toEqual({ name, folder: join(roots.basesDir, target), ollama, origin: null });
});

test('finds what comes with the package', async () => {
  expect((await resolveBase(roots, 'tiny-support')).folder).toBe(join(folder, 'elsewhere'));
  const tiny = builtInBases(packageRoot)['tiny-support'] ?? '';
  expect(tiny.startsWith(packageRoot)).toBe(true);
});

test.each([
  ['link', 'InvalidInput', 'is a link out of'],
  ['leaky', 'InvalidInput', 'extra.json of the base "leaky" is a link out of its folder'],
  ['../elsewhere', 'InvalidInput', 'is not the name of a base'],
  ['..', 'InvalidInput', 'is not the name of a base'],
  ['constructor', 'BaseMissing', 'The base "constructor" is not in'],
  ['bad-settings', 'InvalidInput', 'ratchet.json is not valid'],
  ['half', 'BaseMissing', 'is not complete: add tokenizer.json, tokenizer_config.json, *.safetensors'],
  ['none', 'BaseMissing', 'There are: bad-settings, half, leaky, served, tiny-support, whole.'],
])('%s is %s', async (name, code, message) => {
  const expected = { code, message: expect.stringContaining(message) as string };
  await expect(resolveBase(roots, name)).rejects.toMatchObject(expected);
});

test('lists nothing when there is no folder', async () => {
  expect(await listBases({ basesDir: join(folder, 'nowhere'), builtIn: {} })).toEqual([]);
  expect(baseModelName('ratchet-', 'tiny')).toBe('ratchet-tiny-base');
});
