import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import { wireProvider } from '../fixtures/gateway-harness.ts';
import { type RoutedHarness, openRoutedHarness } from '../fixtures/routed-harness.ts';
import { type WireServer, fails, startWireServer, whole } from '../fixtures/wire-server.ts';

const apiKey = 'a-root-key-of-enough-letters';
const headers = { authorization: `Bearer ${apiKey}` };
let wire: WireServer;
let harness: RoutedHarness;

beforeAll(async () => {
  wire = await startWireServer(['tiny', 'vendor/long-name']);
});
afterAll(() => wire.close());
beforeEach(async () => {
  wire.answerWith(whole('Hello'));
  harness = await openRoutedHarness({
    providers: [wireProvider(wire.url), wireProvider(wire.url, 'spare'), wireProvider(wire.url, 'far')],
    apiKey,
    clock: () => 1_000_000,
  });
  harness.say({
    providers: { far: { locality: 'remote' }, spare: { limits: { requests_per_minute: 1 } } },
    routing: { retries: 0, breaker: { failures: 1, seconds: 30 } },
    routes: {
      chat: {
        model: 'wire/tiny',
        deployments: [{ model: 'spare/tiny', weight: 3, tags: ['paid'] }],
        strategy: 'shuffle',
        fallback: ['far/big', 'gone/x'],
      },
    },
    aliases: { small: 'wire/tiny' },
  });
  return () => harness.close();
});

async function explain(name: string, query = '') {
  const path = `/api/routes/${encodeURIComponent(name)}/explain${query}`;
  const response = await harness.app.request(path, { headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function chat(model: string): Promise<void> {
  await (await harness.chat({ model, messages: [{ role: 'user', content: 'Hi' }] }, { headers })).text();
  await harness.gateway.settled();
}

async function ratchet(...args: string[]): Promise<string> {
  const { port } = new URL(await harness.serve());
  const env = childEnvironment({ RATCHET_PORT: port, RATCHET_API_KEY: apiKey, RATCHET_HOME: packageRoot });
  const command = [join(packageRoot, 'src', 'cli', 'main.ts'), ...args];
  return (await promisify(execFile)(process.execPath, command, { env })).stdout;
}

test('a route: the likeliest order, and who is left out with the reason', async () => {
  const { body } = await explain('chat');
  expect(body).toMatchObject({
    asked: 'chat',
    route: 'chat',
    forced: null,
    record: 'all',
    targets: [
      { ref: 'spare/tiny', locality: 'local', turn: 'now', reason: null },
      { ref: 'wire/tiny', locality: 'local', turn: 'now', reason: null },
    ],
    left_out: [
      { ref: 'far/big', reason: 'the route chat keeps chats on this machine' },
      { ref: 'gone/x', reason: expect.stringContaining('whose provider is not set up') },
    ],
  });
  expect(wire.requests).toEqual([]);
});

test('what calls have shown since: a limit that is reached, and a model that failed', async () => {
  await chat('spare/tiny');
  wire.answerWith(fails(500, { error: { message: 'no' } }));
  await chat('wire/tiny');
  const { body } = await explain('chat');
  expect(body.targets).toMatchObject([
    { ref: 'spare/tiny', turn: 'skipped', reason: expect.stringContaining('may use 1 requests a minute') },
    { ref: 'wire/tiny', turn: 'skipped', reason: expect.stringMatching(/^it has failed 1 times in a row: .*500/) },
  ]);
  // Looking counts nothing.
  await explain('chat');
  expect(harness.lanes.view().map(({ inFlight }) => inFlight)).toEqual([0, 0]);
});

test('tags, aliases, refs with slashes and bare names', async () => {
  expect((await explain('chat', '?tags=paid')).body).toMatchObject({
    targets: [{ ref: 'spare/tiny' }],
    left_out: [{ ref: 'wire/tiny', reason: 'it has none of the tags paid' }, {}, {}],
  });
  expect((await explain('small')).body).toMatchObject({ route: null, targets: [{ ref: 'wire/tiny' }] });
  expect((await explain('vendor/long-name')).body).toMatchObject({ targets: [{ ref: 'wire/vendor/long-name' }] });
  expect((await explain('far/a/b')).body).toMatchObject({ targets: [{ ref: 'far/a/b', locality: 'remote' }] });
  expect((await explain('nobody')).status).toBe(404);
});

test('the command says the same to people and to programs', async () => {
  expect(await ratchet('route', 'explain', 'chat')).toBe(
    [
      'For the route chat:',
      '1. spare/tiny (local)',
      '2. wire/tiny (local)',
      '-  far/big is not asked: the route chat keeps chats on this machine.',
      '-  gone/x is not asked: The route "chat" names gone/x, whose provider is not set up: GET /api/providers lists them.',
      'Record: all.\n',
    ].join('\n'),
  );
  const told = JSON.parse(await ratchet('route', 'explain', 'small', '--json')) as object;
  expect(told).toEqual((await explain('small')).body);
  expect(await ratchet('route', 'list')).toBe(
    [
      'chat  shuffle: wire/tiny (weight 1), spare/tiny (weight 3, paid); then far/big, gone/x; egress deny',
      'small  is wire/tiny\n',
    ].join('\n'),
  );
});

test('only operators may look', async () => {
  expect((await harness.app.request('/api/routes')).status).toBe(401);
  const rest = { team: null, budget: null, record: 'all', expiresAt: null } as const;
  const limits = { rpm: null, tpm: null };
  const { key } = await harness.doors.desk.create({ name: 'c', owner: 'c', role: 'chat', limits, ...rest });
  const asked = await harness.app.request('/api/routes/chat/explain', { headers: { authorization: `Bearer ${key}` } });
  expect(asked.status).toBe(403);
});
