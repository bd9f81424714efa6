import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { usageRoutes } from '../../src/api/usage.ts';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import { parseSettings } from '../../src/core/settings.ts';
import { createPrices } from '../../src/gateway/price.ts';
import { type Harness, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type WireServer, startWireServer } from '../fixtures/wire-server.ts';

const apiKey = 'a-root-key-of-enough-letters';
const prices = { 'wire/tiny': { input: 100_000, output: 200_000 } };
const settings = parseSettings(JSON.stringify({ prices }), 'ratchet.json');
let wire: WireServer;
let harness: Harness;

beforeAll(async () => {
  wire = await startWireServer(['tiny']);
  const log = { warn: () => undefined, info: () => undefined };
  harness = await openHarness({
    providers: [wireProvider(wire.url)],
    apiKey,
    gateway: { prices: createPrices({ settings: () => settings, log }) },
    routes: (store) => [usageRoutes({ store })],
  });
});

afterAll(async () => {
  await harness.close();
  await wire.close();
});

test('what was asked through the gateway is what the command shows', async () => {
  const headers = { authorization: `Bearer ${apiKey}` };
  for (const store of [true, false]) {
    const body = { model: 'wire/tiny', store, messages: [{ role: 'user', content: 'Hi' }] };
    await (await harness.chat(body, { headers })).text();
  }
  await harness.gateway.settled();
  const table = await ratchet('usage', '--by', 'provider,model');
  // Twice 7 tokens in and 3 out.
  expect(table.split('\n').map((line) => line.split(/\s+/))).toEqual([
    ['provider', 'model', 'requests', 'failed', 'tokens', 'in', 'tokens', 'out', 'US$'],
    expect.anything(),
    ['wire', 'tiny', '2', '0', '14', '6', '2.60'],
    expect.anything(),
    ['total', '2', '0', '14', '6', '2.60'],
  ]);
  const usage = JSON.parse(await ratchet('usage', '--by', 'owner', '--json')) as Record<string, unknown>;
  expect(usage).toMatchObject({ by: ['owner'], items: [{ owner: 'local', requests: 2, cost_usd: 2.6 }] });
  await expect(ratchet('usage', '--by', 'colour')).rejects.toThrow(
    /use some of day, model, key, team, provider, owner/,
  );
});

async function ratchet(...args: string[]): Promise<string> {
  const { port } = new URL(await harness.serve());
  const env = childEnvironment({ RATCHET_PORT: port, RATCHET_API_KEY: apiKey, RATCHET_HOME: packageRoot });
  const command = [join(packageRoot, 'src', 'cli', 'main.ts'), ...args];
  return (await promisify(execFile)(process.execPath, command, { env })).stdout.trimEnd();
}
