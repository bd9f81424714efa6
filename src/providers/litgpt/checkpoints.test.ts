import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findCheckpoint, listCheckpoints } from './checkpoints.ts';

let home: string;
let basesDir: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'ratchet-checkpoints-')));
  basesDir = join(home, 'bases');
  make('bases/Qwen/Qwen2.5-0.5B', 'lit_model.pth', 'model_config.yaml');
  make('bases/plain', 'config.json', 'model.safetensors');
  make('bases/checkpoints/org/fetched', 'lit_model.pth', 'model_config.yaml');
  make('checkpoints/org/mine', 'lit_model.pth', 'model_config.yaml');
  make('bases/empty', 'config.json');
  make('elsewhere', 'lit_model.pth', 'model_config.yaml');
  symlinkSync(join(home, 'elsewhere'), join(basesDir, 'link'));
});
afterEach(() => rmSync(home, { recursive: true }));

function make(folder: string, ...files: string[]): void {
  for (const file of files) {
    const path = join(home, folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
  }
}

const find = (name: string, path?: unknown) => findCheckpoint({ home, basesDir }, name, path);

describe('a checkpoint is found', () => {
  test.each([
    ['Qwen/Qwen2.5-0.5B', 'bases/Qwen/Qwen2.5-0.5B'],
    ['plain', 'bases/plain'],
    ['org/fetched', 'bases/checkpoints/org/fetched'],
    ['org/mine', 'checkpoints/org/mine'],
  ])('%s', async (name, folder) => expect(await find(name)).toBe(join(home, folder)));

  test('where the settings say that it is', async () => {
    expect(await find('mine', join(home, 'elsewhere'))).toBe(join(home, 'elsewhere'));
  });

  test('as the base that comes with the package', async () => {
    expect(await find('tiny-support')).toMatch(/tiny_base.model$/);
  });
});

describe('it is not found', () => {
  test.each<[string, string, string, unknown?]>([
    ['where there is none', 'none', 'NotFound'],
    ['in a folder that is not whole', 'empty', 'NotFound'],
    ['behind a link that leads out', 'link', 'InvalidInput'],
    ['above the root', '../elsewhere', 'InvalidInput'],
    ['by an absolute path', '/etc', 'InvalidInput'],
    ['too deep', 'a/b/c/d', 'InvalidInput'],
    ['as what every object has', 'constructor', 'NotFound'],
    ['at a path that is none', 'mine', 'InvalidInput', 'elsewhere'],
    ['at a path with nothing there', 'mine', 'NotFound', '/nowhere/at/all'],
  ])('%s', async (_, name, code, path) => {
    await expect(find(name, path)).rejects.toMatchObject({ code });
  });

  test('outside of the roots, whatever the name', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('..', '.', '', 'elsewhere', 'plain', '\0', 'bases'), { maxLength: 5 }),
        async (parts) => {
          const found = await find(parts.join('/')).catch(() => null);
          expect(found === null || found.startsWith(`${basesDir}/`)).toBe(true);
        },
      ),
    );
  });
});

test('they are listed by the names that they are asked by', async () => {
  const names = await listCheckpoints({ home, basesDir });
  expect(names).toEqual(['Qwen/Qwen2.5-0.5B', 'org/fetched', 'org/mine', 'plain']);
  for (const name of names) expect(await find(name)).toContain(name);
  expect(await listCheckpoints({ home: '/nowhere', basesDir: '/nowhere' })).toEqual([]);
});
