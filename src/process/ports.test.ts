import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freePort, freePorts, isListening, waitForPort } from './ports.ts';
import { startProcess } from './supervise.ts';

test('free ports are free and all different', async () => {
  const ports = await freePorts(20);
  expect(new Set(ports).size).toBe(20);
  // Where no connection that goes out is given one.
  expect(ports.every((port) => port < 32_768)).toBe(true);
  expect(await isListening(await freePort())).toBe(false);
});

test('waits until something listens', async () => {
  const port = await freePort();
  const server = createServer();
  setTimeout(() => server.listen(port, '127.0.0.1'), 150);
  await waitForPort({ port, name: 'the server', timeoutMs: 100_000 });
  expect(await isListening(port)).toBe(true);
  server.close();
});

test('says what did not open which port', async () => {
  const port = await freePort();
  await expect(waitForPort({ port, name: 'Temporal', timeoutMs: 200 })).rejects.toMatchObject({
    code: 'Stalled',
    message: expect.stringContaining(`Temporal did not open 127.0.0.1:${port}`),
  });
});

test('stops waiting when cancelled', async () => {
  const port = await freePort();
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(waitForPort({ port, name: 'it', timeoutMs: 100_000, signal })).rejects.toMatchObject({
    code: 'Cancelled',
  });
});

test('stops waiting when the child ends, with its last words', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-ports-'));
  const program = fileURLToPath(new URL('fixtures/child.mjs', import.meta.url));
  const child = startProcess({
    command: process.execPath,
    args: [program, 'complain', 'port is taken'],
    logFile: join(folder, 'log'),
  });
  const port = await freePort();
  await expect(waitForPort({ port, name: 'it', timeoutMs: 100_000, child })).rejects.toMatchObject({
    code: 'PartMissing',
    message: expect.stringContaining('port is taken'),
  });
  rmSync(folder, { recursive: true });
});
