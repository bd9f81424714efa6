import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isReachable, unpackRelease } from './download.ts';
import { ollamaRelease, type Release, temporalRelease } from './releases.ts';

let folder: string;
let server: Server;
let files: Map<string, Buffer>;
let base: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-download-'));
  files = new Map();
  server = createServer((request, response) => {
    const file = files.get(request.url ?? '');
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-length': file.length }).end(request.method === 'HEAD' ? undefined : file);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

function publish(name: string, pack: (tar: Buffer) => Buffer = (tar) => tar): Release {
  writeFileSync(join(folder, 'tool'), '#!/bin/sh\necho tool\n', { mode: 0o755 });
  const archive = pack(execFileSync('tar', ['-c', '-C', folder, 'tool']));
  files.set(`/${name}`, archive);
  const sha256 = createHash('sha256').update(archive).digest('hex');
  return { version: '1.0.0', url: `${base}/${name}`, sha256, entry: 'tool', megabytes: 1 };
}

const options = { onProgress: () => {} };

test.each([
  ['tool.tar', undefined],
  ['tool.tar.zst', (tar: Buffer) => zstdCompressSync(tar)],
])('unpacks %s and leaves no archive', async (name, pack) => {
  const target = mkdtempSync(join(folder, 'target-'));
  await unpackRelease(publish(name, pack), target, options);
  expect(execFileSync(join(target, 'tool')).toString()).toBe('tool\n');
  expect(existsSync(join(target, 'archive'))).toBe(false);
  expect(existsSync(join(target, 'archive.tar'))).toBe(false);
});

test('throws away what has another sum, before it is unpacked', async () => {
  const target = mkdtempSync(join(folder, 'target-'));
  const release = { ...publish('tool.tar'), sha256: '0'.repeat(64) };
  await expect(unpackRelease(release, target, options)).rejects.toMatchObject({ code: 'PartMissing' });
  expect(existsSync(join(target, 'tool'))).toBe(false);
  expect(existsSync(join(target, 'archive'))).toBe(false);
});

test('says what a server answered', async () => {
  const release = { ...publish('tool.tar'), url: `${base}/other` };
  await expect(unpackRelease(release, folder, options)).rejects.toMatchObject({
    message: expect.stringContaining('404'),
  });
});

test('knows whether a release can be had', async () => {
  const release = publish('tool.tar');
  expect(await isReachable(release)).toBe(true);
  expect(await isReachable({ ...release, url: `${base}/other` })).toBe(false);
  expect(await isReachable({ ...release, url: 'http://127.0.0.1:1/tool.tar' })).toBe(false);
});

test('releases come by https, with a sum, or not at all', () => {
  const releases = [temporalRelease('linux', 'x64'), temporalRelease('darwin', 'arm64'), ollamaRelease('linux', 'x64')];
  for (const release of releases) {
    expect(release?.url).toMatch(/^https:/);
    expect(release?.sha256).toMatch(/^[0-9a-f]{64}$/);
  }
  expect(temporalRelease('win32', 'x64')).toBeNull();
  expect(ollamaRelease('linux', 'arm64')).toBeNull();
  expect(readFileSync(new URL('releases.ts', import.meta.url), 'utf8')).not.toContain('http:');
});
