import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProcess } from '../../src/process/run.ts';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import { writeProviderKey } from '../../src/providers/keys.ts';
import { type RealApi, startRealApi } from '../fixtures/real-api.ts';
import { type WireServer, startWireServer } from '../fixtures/wire-server.ts';

let home: string;
let wire: WireServer;
let api: RealApi;

const settings = (file: object): void => writeFileSync(join(home, 'ratchet.json'), JSON.stringify(file));
const near = (more: object = {}) => ({ kind: 'vllm', base_url: wire.url, ...more });

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'ratchet-provider-settings-'));
  wire = await startWireServer(['tiny']);
  mkdirSync(join(home, 'providers'));
  cpSync(join(packageRoot, 'test', 'fixtures', 'own-providers', 'plain.mjs'), join(home, 'providers', 'plain.mjs'));
  writeFileSync(join(home, 'providers', 'bad.mjs'), 'export default { kind: "bad" };', { mode: 0o600 });
  settings({ providers: { bad: { record: 'none' } } });
  api = await startRealApi(home, { PLAIN_URL: wire.url });
});
afterAll(async () => {
  await api.stop();
  await wire.close();
  rmSync(home, { recursive: true, force: true });
});

async function ask(model: string): Promise<{ status: number; body: unknown; provider: string | null }> {
  const response = await fetch(`${api.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }] }),
  });
  return { status: response.status, body: await response.json(), provider: response.headers.get('x-ratchet-provider') };
}

/** Asks until the answer is as expected: the settings are looked at ten times a second, kept keys once. */
async function until(model: string, status: number): Promise<Awaited<ReturnType<typeof ask>>> {
  for (;;) {
    const got = await ask(model);
    if (got.status === status) return got;
    await sleep(50);
  }
}

const health = async () =>
  (await (await fetch(`${api.url}/api/health`)).json()) as { parts: Record<string, { state: string; reason: string }> };

test('a provider comes, moves and goes with ratchet.json, without a restart', async () => {
  expect((await ask('near/tiny')).status).toBe(404);
  settings({ providers: { near: near() } });
  await until('near/tiny', 200);
  settings({
    providers: { near: near({ base_url: 'http://127.0.0.1:1/v1' }), plain: { retries: 0 } },
    routing: { retries: 0 },
  });
  await until('near/tiny', 502);
  settings({});
  await until('near/tiny', 404);
});

test('a fault of a kind keeps what was good in force, and is told', async () => {
  settings({ providers: { near: near() } });
  await until('near/tiny', 200);
  settings({ providers: { near: near({ kind: 'vlm' }), olama: {} } });
  await expect
    .poll(async () => (await health()).parts.settings?.reason, { timeout: 30_000 })
    .toMatch(/providers\.near\.kind: there is no kind "vlm": the nearest is "vllm".*providers\.olama: .*"ollama"/);
  expect((await ask('near/tiny')).status).toBe(200);
});

test('a key that is kept is sent at once, and no more when it is removed', async () => {
  settings({ providers: { near: near() } });
  const file = join(api.dataDir, 'provider-keys.json');
  const sent = async (): Promise<string | undefined> => {
    await until('near/tiny', 200);
    return wire.requests.at(-1)?.headers.authorization;
  };
  expect(await sent()).toBeUndefined();
  await writeProviderKey(file, 'near', 'kept-for-near-1');
  await expect.poll(sent, { timeout: 30_000 }).toBe('Bearer kept-for-near-1');
  await writeProviderKey(file, 'near', null);
  await expect.poll(sent, { timeout: 30_000 }).toBeUndefined();
});

test('a file of one’s own answers by its name and its alias; one that is bad is told and stops nobody', async () => {
  expect((await ask('plain/tiny')).status).toBe(200);
  expect((await ask('simple/tiny')).status).toBe(200);
  const { own_providers: part } = (await health()).parts;
  expect(part).toMatchObject({ state: 'yellow' });
  expect(part?.reason).toMatch(/bad\.mjs: title: .*bad\.mjs: baseUrl: say where it is reached/);
});

test('ratchet provider-key knows providers of the settings and of own files, and names the nearest', async () => {
  settings({ providers: { near: near() } });
  const run = (name: string) =>
    runProcess({
      command: process.execPath,
      args: [join(packageRoot, 'src', 'cli', 'main.ts'), 'provider-key', 'set', name],
      cwd: packageRoot,
      env: childEnvironment({ RATCHET_HOME: home, RATCHET_DATA_DIR: api.dataDir }),
      timeoutMs: 120_000,
    }).then(({ tail }) => tail);
  expect(await run('nearr')).toMatch(/There is no provider "nearr": the nearest is "near"/);
  // Standard input is empty, so that the provider is known and the key is not one.
  expect(await run('near')).toMatch('That is no API key');
  expect(await run('plain')).toMatch('That is no API key');
});
