import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenAPIHono } from '@hono/zod-openapi';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Role } from '../core/access.ts';
import { type Doors, openDoors } from '../gateway/access/open.ts';
import { openStore } from '../store/open.ts';
import type { CallUsage, Store } from '../store/types.ts';
import type { App, AppEnv } from './context.ts';
import { errorResponse, refuseInvalid } from './errors.ts';
import { createGuard } from './guard.ts';
import { checkRole } from './roles.ts';
import { usageRoutes } from './usage.ts';

let dataDir: string;
let store: Store;
let doors: Doors;
let app: App;
const keys = {} as Record<'admin' | 'operator' | 'alice' | 'chatter', string>;
let aliceId: string;

const call: CallUsage = {
  owner: 'alice',
  keyId: null,
  team: 'blue',
  provider: 'openai',
  model: 'gpt-4o-mini',
  failed: false,
  promptTokens: 1_000_000,
  completionTokens: 500_000,
  costNanos: 450_000_000,
};

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ratchet-usage-'));
  store = await openStore({ dataDir });
  const log = pino({ level: 'silent' });
  doors = await openDoors({ store, rootKey: null, log });
  app = new OpenAPIHono<AppEnv>({ defaultHook: refuseInvalid });
  app.onError((error, context) => errorResponse(context, error, log));
  app.use(checkRole(createGuard({ boundTo: '127.0.0.1', authenticate: doors.access.authenticate })));
  usageRoutes({ store })(app);
  keys.admin = (await issue('root', 'admin')).key;
  keys.operator = (await issue('olga', 'operate')).key;
  const alice = await issue('alice', 'rate');
  [keys.alice, aliceId] = [alice.key, alice.record.id];
  keys.chatter = (await issue('carl', 'chat')).key;
  await store.usage.add({ ...call, keyId: aliceId });
  await store.usage.add({ ...call, keyId: aliceId, model: 'gpt-4o', costNanos: 7_000_000_000 });
  await store.usage.add({ ...call, owner: 'bob', team: null, failed: true, costNanos: 0 });
});

afterAll(async () => {
  await doors.close();
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

function issue(owner: string, role: Role) {
  const limits = { rpm: null, tpm: null };
  return doors.desk.create({
    name: `${owner} laptop`,
    owner,
    role,
    team: null,
    limits,
    budget: null,
    record: 'all',
    expiresAt: null,
  });
}

async function get(key: string, query = '') {
  const response = await app.request(`/api/usage${query}`, { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const sums = { requests: 1, failures: 0, prompt_tokens: 1_000_000, completion_tokens: 500_000 };

describe('GET /api/usage', () => {
  test('sums by day unless asked otherwise, with the total and the days', async () => {
    const { body } = await get(keys.operator);
    const today = new Date().toISOString().slice(0, 10);
    expect(body).toEqual({
      from: new Date(Date.now() - 30 * 86_400_000).toISOString().slice(0, 10),
      to: today,
      by: ['day'],
      items: [{ day: today, requests: 3, failures: 1, prompt_tokens: 3e6, completion_tokens: 1.5e6, cost_usd: 7.45 }],
      total: { requests: 3, failures: 1, prompt_tokens: 3e6, completion_tokens: 1.5e6, cost_usd: 7.45 },
    });
  });

  test('groups by several things, and names keys', async () => {
    const { body } = await get(keys.operator, '?by=key,model');
    expect(body['items']).toEqual([
      { key: '', key_name: '', model: 'gpt-4o-mini', ...sums, failures: 1, cost_usd: 0 },
      { key: aliceId, key_name: 'alice laptop', model: 'gpt-4o', ...sums, cost_usd: 7 },
      { key: aliceId, key_name: 'alice laptop', model: 'gpt-4o-mini', ...sums, cost_usd: 0.45 },
    ]);
  });

  test('filters by owner, key, team and days', async () => {
    const requests = async (query: string) =>
      ((await get(keys.operator, `?by=&${query}`)).body['total'] as { requests: number }).requests;
    expect(await requests('owner=bob')).toBe(1);
    expect(await requests(`key=${aliceId}`)).toBe(2);
    expect(await requests('team=blue')).toBe(2);
    expect(await requests('from=2020-01-01&to=2020-12-31')).toBe(0);
    expect((await get(keys.operator, '?by=&owner=nobody')).body).toMatchObject({ total: { requests: 0, cost_usd: 0 } });
  });

  test('who rates sees their own only', async () => {
    const { body } = await get(keys.alice, '?by=owner');
    expect(body).toMatchObject({ items: [{ owner: 'alice', requests: 2 }], total: { requests: 2 } });
    expect((await get(keys.alice, '?by=owner&owner=alice')).body).toMatchObject({ total: { requests: 2 } });
    expect(await get(keys.alice, '?owner=bob')).toMatchObject({ status: 403, body: { code: 'Unauthorized' } });
    expect((await get(keys.alice, '?by=&team=blue')).body).toMatchObject({ total: { requests: 2 } });
  });

  test('who may only chat sees nothing, and nobody without a key', async () => {
    expect(await get(keys.chatter)).toMatchObject({ status: 403 });
    expect((await app.request('/api/usage')).status).toBe(401);
    expect(await get(keys.admin)).toMatchObject({ status: 200 });
  });

  test.each([
    ['?by=colour', /by.*use some of day, model, key, team, provider, owner/],
    ['?from=yesterday', /from/],
    ['?from=2026-11-31', /from/],
    ['?from=2026-11-02&to=2026-11-01', /from 2026-11-02 is after to 2026-11-01/],
  ])('%s is refused with a sentence', async (query, said) => {
    const { status, body } = await get(keys.operator, query);
    expect(status).toBe(400);
    expect(body['detail']).toMatch(said);
  });
});
