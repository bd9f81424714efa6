import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { countRows, joinsOf, markManifest, takeOut } from './rewrite.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-rewrite-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const row = (completion: string, choice = 0) => ({
  id: `${completion}.${choice}`,
  messages: [{ role: 'user', content: `of ${completion}\u2028` }],
  meta: { completion, choice, node: `node of ${completion}` },
});
const pair = (one: string, other: string) => {
  const meta = { kind: 'preference', completion: one, choice: 0, node: `node of ${one}` };
  return { id: `${one}.0>${other}.0`, prompt: [], meta };
};
const corrected = (completion: string) => ({
  id: `pair of ${completion}`,
  meta: { ...row(completion).meta, kind: 'correction' },
});

async function write(name: string, rows: readonly object[]): Promise<void> {
  await writeFile(join(folder, name), rows.map((each) => `${JSON.stringify(each)}\n`).join(''));
}

async function ids(name: string): Promise<string[]> {
  const lines = (await readFile(join(folder, name), 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { id: string }).id);
}

test('rows go with the answers that they are of, in every file, and other files are left as they are', async () => {
  await write('train.jsonl', [row('a'), row('b'), row('b', 1), row('c')]);
  await write('val.jsonl', [row('d')]);
  await write('pairs.train.jsonl', [pair('a', 'x'), pair('x', 'b'), pair('c', 'x'), corrected('a'), corrected('c')]);
  await write('judged.test.jsonl', [row('c'), row('a')]);
  await write('left-out.jsonl', [{ id: 'a.0', stage: 's', reason: 'r' }]);
  await writeFile(join(folder, 'joins.jsonl'), '["node of a","n1"]\n["n2","node of a"]\n["n1","n3"]\n');
  await writeFile(join(folder, '.forgetting-left'), 'half a file');
  const val = await readFile(join(folder, 'val.jsonl'));
  const going = { rows: new Set(['c.0']), completions: new Set(['a', 'b']) };

  const found = await takeOut(folder, going, true);
  expect(found).toEqual({ lines: 10, nodes: new Set(['node of a', 'node of b', 'node of c', 'node of x']) });
  expect(await ids('train.jsonl')).toHaveLength(4);
  expect(await takeOut(folder, going)).toEqual(found);
  expect(await ids('train.jsonl')).toEqual([]);
  // A preference rests on feedback of its own.
  expect(await ids('pairs.train.jsonl')).toEqual(['c.0>x.0']);
  expect(await ids('judged.test.jsonl')).toEqual([]);
  expect(await ids('left-out.jsonl')).toEqual(['a.0']);
  expect(await readFile(join(folder, 'val.jsonl'))).toEqual(val);
  expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  expect((await takeOut(folder, going)).lines).toBe(0);
  expect(await joinsOf(folder, new Set(['node of a', 'other']))).toEqual(
    new Map([['node of a', new Set(['n1', 'n2'])]]),
  );
});

test('the manifest keeps what was built, and tells how many rows are gone however often it is marked', async () => {
  await write('train.jsonl', [row('a'), row('b'), row('c')]);
  await write('val.jsonl', []);
  await write('test.jsonl', [row('d')]);
  await write('pairs.train.jsonl', [pair('a', 'b')]);
  await write('left-out.jsonl', [{ id: 'z.0' }]);
  const figures = (rows: number) => ({ rows, digest: `of ${rows}`, bytes: 9 });
  const files = { 'pairs.train.jsonl': figures(1), 'left-out.jsonl': figures(1) };
  const manifest = { schema: 2, digest: 'd', splits: { train: figures(3), val: figures(0), test: figures(1) }, files };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'README.md'), '# A card\n');
  await takeOut(folder, { rows: new Set(), completions: new Set(['a']) });
  for (const _time of [1, 2]) expect(await markManifest(folder)).toEqual({ ...manifest, redacted: { rows: 2 } });
  await takeOut(folder, { rows: new Set(['d.0']), completions: new Set() });
  expect(await markManifest(folder)).toEqual({ ...manifest, redacted: { rows: 3 } });
  expect(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))).toEqual({
    ...manifest,
    redacted: { rows: 3 },
  });
  expect((await readFile(join(folder, 'README.md'), 'utf8')).match(/What is not here any more/g)).toHaveLength(1);
  expect(await countRows(folder)).toEqual(
    new Map([
      ['pairs.train.jsonl', 0],
      ['test.jsonl', 0],
      ['train.jsonl', 2],
      ['val.jsonl', 0],
    ]),
  );
});

test('a folder that is gone has nothing to go', async () => {
  const gone = join(folder, 'gone');
  expect(await takeOut(gone, { rows: new Set(), completions: new Set(['a']) })).toEqual({ lines: 0, nodes: new Set() });
  expect(await markManifest(gone)).toBeNull();
  await mkdir(gone);
  expect(await joinsOf(gone, new Set(['a']))).toEqual(new Map());
});
