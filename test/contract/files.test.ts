import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CycleEvent } from '../../src/core/cycle.ts';
import { createBlobStore } from '../../src/store/blobs.ts';
import { mountKind } from '../../src/store/data-folder.ts';
import { digestJson, sha256Hex } from '../../src/store/digest.ts';
import { appendEvent, readEvents } from '../../src/store/event-log.ts';
import { writeFileDurably } from '../../src/store/files.ts';
import { isUuid, uuidv7 } from '../../src/store/ids.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ratchet-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function event(cycle: string, n: number): CycleEvent {
  return { at: '2026-01-01T00:00:00Z', cycle, step: 'train', kind: 'progress', data: { n, text: 'zażółć' } };
}

test('a file is written whole, with its mode, and nothing is left beside it', async () => {
  const path = join(folder, 'new', 'file.json');
  await writeFileDurably(path, 'one', 0o600);
  await writeFileDurably(path, Buffer.from('two'), 0o600);
  expect(await readFile(path, 'utf8')).toBe('two');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(folder, 'new'))).toEqual(['file.json']);
});

test('a file that cannot be written leaves the old one and nothing beside it', async () => {
  const path = join(folder, 'taken');
  await mkdir(join(path, 'in the way'), { recursive: true });
  await expect(writeFileDurably(path, 'x')).rejects.toThrow();
  expect(await readdir(folder)).toEqual(['taken']);
});

test('a blob is named by its bytes, kept once, and checked when it is read', async () => {
  const blobs = createBlobStore(folder);
  const digest = await blobs.putJson({ b: 1, a: [null] });
  expect(digest).toBe(digestJson({ a: [null], b: 1 }));
  expect(await blobs.put('{"a":[null],"b":1}')).toBe(digest);
  expect(await blobs.getJson(digest)).toEqual({ a: [null], b: 1 });
  expect(await blobs.put(Buffer.alloc(0))).toBe(sha256Hex(''));
  const path = join(folder, 'blobs', digest.slice(0, 2), digest);
  await writeFile(path, '{"a":[null],"b":2}');
  await expect(blobs.get(digest)).rejects.toMatchObject({ code: 'Bug' });
  await truncate(path, 3);
  await blobs.putJson({ a: [null], b: 1 });
  expect(await blobs.getJson(digest)).toEqual({ a: [null], b: 1 });
  for (const unknown of ['0'.repeat(64), '../../etc/passwd', '']) {
    await expect(blobs.get(unknown)).rejects.toMatchObject({ code: 'NotFound' });
  }
});

test('an erased blob gives what stands in for it, or nothing, and can be put again', async () => {
  const blobs = createBlobStore(folder);
  const listed = async () => (await readAll(blobs.digests())).sort();
  const [gone, changed, kept] = [
    await blobs.put('a secret'),
    await blobs.put('{"text":"secret","n":1}'),
    await blobs.put('x'),
  ];
  await blobs.erase(gone);
  await blobs.erase(changed, '{"text":"","n":1}');
  await blobs.erase(sha256Hex('not there'));
  await expect(blobs.get(gone)).rejects.toMatchObject({ code: 'NotFound' });
  expect(await blobs.getJson(changed)).toEqual({ text: '', n: 1 });
  expect(await listed()).toEqual([kept, sha256Hex('{"text":"","n":1}')].sort());
  const shelves = await readdir(join(folder, 'blobs'), { recursive: true, withFileTypes: true });
  for (const file of shelves.filter((entry) => entry.isFile())) {
    expect(await readFile(join(file.parentPath, file.name), 'utf8')).not.toContain('secret');
  }
  // What stands in can be erased as well, and so on.
  await blobs.erase(sha256Hex('{"text":"","n":1}'), 'third');
  expect((await blobs.get(changed)).toString()).toBe('third');
  expect(await blobs.put('a secret')).toBe(gone);
  expect((await blobs.get(gone)).toString()).toBe('a secret');
});

test('bytes that are as long as the note in their place are put again all the same', async () => {
  const blobs = createBlobStore(folder);
  const sixteen = await blobs.put('x'.repeat('ratchet: erased\n'.length));
  await blobs.erase(sixteen);
  await expect(blobs.get(sixteen)).rejects.toMatchObject({ code: 'NotFound' });
  await blobs.put('x'.repeat('ratchet: erased\n'.length));
  expect((await blobs.get(sixteen)).toString()).toBe('xxxxxxxxxxxxxxxx');
});

test('events are read on from any id', async () => {
  const cycle = uuidv7();
  expect(await readEvents(folder, cycle, 0)).toEqual([]);
  for (let n = 0; n < 5; n += 1) await appendEvent(folder, cycle, event(cycle, n));
  const all = await readEvents(folder, cycle, 0);
  expect(all.map(({ event: { data } }) => data.n)).toEqual([0, 1, 2, 3, 4]);
  for (const [n, { id }] of all.entries()) expect(await readEvents(folder, cycle, id)).toEqual(all.slice(n + 1));
  const { size } = await stat(join(folder, 'cycles', cycle, 'events.jsonl'));
  expect(all.at(-1)?.id).toBe(size);
  expect(await readEvents(folder, cycle, size + 100)).toEqual([]);
  // In the middle of a line: from the next one on.
  expect(await readEvents(folder, cycle, (all[0]?.id ?? 0) + 3)).toEqual(all.slice(2));
  await expect(readEvents(folder, cycle, -1)).rejects.toMatchObject({ code: 'InvalidInput' });
});

test('half a line is never an event, and costs no other one', async () => {
  const cycle = uuidv7();
  for (let n = 0; n < 3; n += 1) await appendEvent(folder, cycle, event(cycle, n));
  const [first, second] = await readEvents(folder, cycle, 0);
  const path = join(folder, 'cycles', cycle, 'events.jsonl');
  await truncate(path, (await stat(path)).size - 10);
  expect(await readEvents(folder, cycle, 0)).toEqual([first, second]);
  await appendEvent(folder, cycle, event(cycle, 9));
  const numbers = (await readEvents(folder, cycle, second?.id ?? 0)).map(({ event: { data } }) => data.n);
  expect(numbers).toEqual([9]);
});

test('events that are appended together are all there, whole', async () => {
  const cycle = uuidv7();
  await Promise.all(Array.from({ length: 100 }, (_, n) => appendEvent(folder, cycle, event(cycle, n))));
  const numbers = (await readEvents(folder, cycle, 0)).map(({ event: { data } }) => Number(data.n));
  expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n));
});

test('only a cycle has an event log', async () => {
  for (const id of ['../elsewhere', '', 'c1']) {
    await expect(appendEvent(folder, id, event(id, 0))).rejects.toMatchObject({ code: 'InvalidInput' });
    await expect(readEvents(folder, id, 0)).rejects.toMatchObject({ code: 'InvalidInput' });
  }
  await chmod(folder, 0o700);
  expect(await readdir(folder)).toEqual([]);
});

test('ids sort in the order in which they were made', () => {
  const ids = Array.from({ length: 10_000 }, uuidv7);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.every(isUuid)).toBe(true);
  expect(ids[0]?.[14]).toBe('7');
  expect('89ab').toContain(ids[0]?.[19]);
});

test('the mount that holds a path is told from those beside and above it', () => {
  const mounts = [
    '22 1 8:1 / / rw - ext4 /dev/sda rw',
    '30 22 0:50 / /mnt/my\\040share rw,nosuid shared:1 - fuse.sshfs me@host: rw',
    '31 22 0:51 / /mnt rw - tmpfs tmpfs rw',
    '32 31 0:52 / /mnt rw - xfs /dev/sdb rw',
  ].join('\n');
  expect(mountKind('/mnt/my share/data', mounts)).toBe('fuse.sshfs');
  expect(mountKind('/mnt/my shared', mounts)).toBe('xfs');
  expect(mountKind('/home', mounts)).toBe('ext4');
});

async function readAll<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
