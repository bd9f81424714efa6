import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, type Server, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadConfig } from '../config.ts';
import { freePort } from '../process/ports.ts';
import { startOllama, startTemporal } from './outside-parts.ts';

let home: string;
let other: Server;
let taken: number;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'ratchet-parts-'));
  // Something that takes connections and answers nothing.
  other = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  taken = (other.address() as AddressInfo).port;
});
afterEach(() => {
  other.close();
  rmSync(home, { recursive: true });
});

const tool = { path: '/nowhere', version: '0.0.0' };

test.each([
  ['TEMPORAL_ADDRESS', (port: number) => ({ TEMPORAL_ADDRESS: `127.0.0.1:${port}` }), startTemporal],
  ['TEMPORAL_UI_PORT', (port: number) => ({ TEMPORAL_UI_PORT: String(port) }), startTemporal],
  ['OLLAMA_HOST', (port: number) => ({ OLLAMA_BASE_URL: `http://127.0.0.1:${port}` }), startOllama],
] as const)('a port that something else has is named, with %s to set', async (variable, given, start) => {
  const free = { TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` };
  const config = loadConfig({ RATCHET_HOME: home, ...free, ...given(taken) });
  await expect(start(config, tool)).rejects.toMatchObject({
    code: 'Conflict',
    message: expect.stringMatching(new RegExp(`Port ${taken} .* set ${variable}`, 'u')),
  });
});
