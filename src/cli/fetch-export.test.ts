import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sha256Hex } from '../store/digest.ts';
import { fetchExport } from './fetch-export.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-fetch-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function tarOf(files: Record<string, string>): Promise<Buffer> {
  const tar = pack();
  for (const [name, text] of Object.entries(files)) tar.entry({ name }, text);
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

function manifest(text: string): string {
  const files = [{ name: 'train.jsonl', rows: 1, digest: sha256Hex(text) }];
  return JSON.stringify({ digest: 'd', files, left_out: {}, reduced: {} });
}

const whole = (): Promise<Buffer> => tarOf({ 'manifest.json': manifest('{}\n'), 'train.jsonl': '{}\n' });
const body = (bytes: Buffer): ReadableStream<Uint8Array> => new Blob([new Uint8Array(bytes)]).stream();

test('a whole export is a folder', async () => {
  const target = join(folder, 'a', 'out');
  expect(await fetchExport(body(await whole()), target)).toMatchObject({ digest: 'd' });
  expect(await readFile(join(target, 'train.jsonl'), 'utf8')).toBe('{}\n');
  await expect(fetchExport(body(await whole()), target)).rejects.toMatchObject({ code: 'Conflict' });
  expect(await readdir(join(folder, 'a'))).toEqual(['out']);
});

test.each<[string, () => Promise<Buffer>]>([
  ['one that ends within a file', async () => (await whole()).subarray(0, 700)],
  ['one that ends before the last file', async () => (await whole()).subarray(0, 1024)],
  ['one whose file is another', () => tarOf({ 'manifest.json': manifest('{}\n'), 'train.jsonl': '{"a":1}\n' })],
  ['one without a manifest', () => tarOf({ 'train.jsonl': '{}\n' })],
  ['one that writes elsewhere', () => tarOf({ '../elsewhere.txt': 'x', 'manifest.json': manifest('') })],
  ['nothing', () => Promise.resolve(Buffer.alloc(0))],
])('%s leaves nothing behind', async (_, bytes) => {
  await expect(fetchExport(body(await bytes()), join(folder, 'out'))).rejects.toThrow(
    /The export was cut off .*: run it again/,
  );
  expect(await readdir(folder)).toEqual([]);
});
