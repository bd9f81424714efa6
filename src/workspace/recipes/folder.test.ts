import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tellFault } from '../../core/setting-fault.ts';
import { listRecipes, readRecipe } from './folder.ts';

let home: string;
let folder: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'ratchet-recipes-'));
  folder = join(home, 'recipes');
  await mkdir(folder);
  await writeFile(join(home, 'secret.yaml'), 'base: secret-base\n');
});
afterEach(() => rm(home, { recursive: true, force: true }));

const put = (name: string, text: string) => writeFile(join(folder, name), text);

test('without a folder there are none', async () => {
  expect(await listRecipes(join(home, 'nowhere'))).toEqual([]);
  await expect(readRecipe(join(home, 'nowhere'), 'support')).rejects.toThrow(/no recipe support .* there is none yet/);
});

test('each file is one, by its name, and what is wrong with some stands beside the others', async () => {
  await put('support.yaml', 'base: tiny-support\n');
  await put('broken.yaml', 'base: [\n');
  await put('Old.yml', 'base: b\n');
  await put('Big Name.yaml', 'base: b\n');
  await put('recipe.schema.json', '{}');
  const files = await listRecipes(folder);
  expect(files.map(({ name, recipe }) => [name, recipe?.base ?? null])).toEqual([
    ['Big Name', null],
    ['Old', null],
    ['broken', null],
    ['support', 'tiny-support'],
  ]);
  expect(files.flatMap(({ faults }) => faults).map(tellFault)).toEqual([
    `${join(folder, 'Big Name.yaml')}: is not read: name it with a-z, 0-9, ".", "_" and "-"`,
    `${join(folder, 'Old.yml')}: is not read: call it Old.yaml`,
    expect.stringContaining(`${join(folder, 'broken.yaml')}: line`),
  ]);
  expect(await readRecipe(folder, 'support')).toMatchObject({ name: 'support', base: 'tiny-support' });
  await expect(readRecipe(folder, 'broken')).rejects.toMatchObject({ code: 'InvalidInput' });
  await expect(readRecipe(folder, 'suport')).rejects.toThrow(/no recipe suport .*: there are support/);
});

test.each(['../secret', '..', 'recipes/../../secret', '/etc/passwd', '.hidden', 'a/b', 'support.yaml\0', ''])(
  'the name %j reads nothing',
  async (name) => {
    await put('support.yaml', 'base: tiny-support\n');
    await expect(readRecipe(folder, name)).rejects.toMatchObject({ code: 'InvalidInput' });
  },
);

test('a link out of the folder is not read, one within it is', async () => {
  await mkdir(join(folder, '..data'));
  await writeFile(join(folder, '..data', 'mounted.yaml'), 'base: mounted-base\n');
  await symlink(join('..data', 'mounted.yaml'), join(folder, 'mounted.yaml'));
  await symlink(join(home, 'secret.yaml'), join(folder, 'out.yaml'));
  await mkdir(join(folder, 'dir.yaml'));
  expect(await readRecipe(folder, 'mounted')).toMatchObject({ name: 'mounted', base: 'mounted-base' });
  await expect(readRecipe(folder, 'out')).rejects.toThrow(/is not read: it is a link that leads out of the folder/);
  await expect(readRecipe(folder, 'dir')).rejects.toThrow(/is not read: it is no file/);
});
