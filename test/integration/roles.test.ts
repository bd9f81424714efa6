import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routeRoles } from '../../src/api/roles.ts';
import { includesRole, roles } from '../../src/core/access.ts';
import { operations } from '../../src/gateway/operations/all.ts';
import { type RealApi, startRealApi } from '../fixtures/real-api.ts';

const rootKey = 'the-root-key-of-this-test';
let home: string;
let api: RealApi;
/** A key of each role. */
const keys = new Map<string, string>();
let routes: string[];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'ratchet-roles-'));
  api = await startRealApi(home, { RATCHET_API_KEY: rootKey });
  for (const role of roles) {
    const response = await fetch(`${api.url}/api/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${rootKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: role, role }),
    });
    keys.set(role, ((await response.json()) as { key: string }).key);
  }
  const { paths } = (await (await fetch(`${api.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
});
afterAll(async () => {
  await api.stop();
  await rm(home, { recursive: true, force: true });
});

interface Answer {
  status: number;
  text: string;
}

/** Calls a route with nothing in it that could be found or done. */
async function call(route: string, key: string | undefined, more: Record<string, string> = {}): Promise<Answer> {
  const [method = '', path = ''] = route.split(' ');
  const hasBody = ['POST', 'PUT', 'PATCH'].includes(method);
  const response = await fetch(api.url + path.replaceAll(/\{\w+\}/g, 'none'), {
    method,
    headers: {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(hasBody && { 'content-type': 'application/json' }),
      ...more,
    },
    ...(hasBody && { body: '{}' }),
  });
  return { status: response.status, text: await response.text() };
}

describe('who may call what', () => {
  test('every route has a role', () => {
    const all = [...routes, ...operations.map(({ path }) => `POST ${path}`)];
    expect(all.filter((route) => routeRoles[route] === undefined)).toEqual([]);
    expect(routes.length).toBeGreaterThan(30);
  });

  test('every route of the table is there, and lets in whose role is enough, and nobody else', async () => {
    const found: string[] = [];
    const wanted: string[] = [];
    for (const [route, needed] of Object.entries(routeRoles)) {
      const asked = ['nobody', ...roles].map(async (role) => {
        const { status, text } = await call(route, keys.get(role));
        if (/There is no [A-Z]+ \//.test(text)) return `${route} is not there`;
        const verdict = status === 401 || status === 403 ? String(status) : 'in';
        return `${route} as ${role}: ${verdict}`;
      });
      found.push(...(await Promise.all(asked)));
      const allowed = (role: (typeof roles)[number]) => needed === 'open' || includesRole(role, needed);
      wanted.push(
        `${route} as nobody: ${needed === 'open' ? 'in' : '401'}`,
        ...roles.map((role) => `${route} as ${role}: ${allowed(role) ? 'in' : '403'}`),
      );
    }
    expect(found).toEqual(wanted);
  });

  test('HEAD asks for what GET asks for', async () => {
    expect((await call('HEAD /api/keys', undefined)).status).toBe(401);
    expect((await call('HEAD /api/keys', keys.get('operate'))).status).toBe(403);
    expect((await call('HEAD /api/keys', keys.get('admin'))).status).toBe(200);
  });

  test('another process on the same store learns of a key, and of its end', async () => {
    const second = await startRealApi(home, { RATCHET_API_KEY: rootKey });
    try {
      const headers = { authorization: `Bearer ${rootKey}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ name: 'late' });
      const made = await fetch(`${api.url}/api/keys`, { method: 'POST', headers, body });
      const { id, key } = (await made.json()) as { id: string; key: string };
      const there = async () =>
        (await fetch(`${second.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).status;
      await expect.poll(there, { timeout: 20_000 }).not.toBe(401);
      await fetch(`${api.url}/api/keys/${id}`, { method: 'DELETE', headers });
      await expect.poll(there, { timeout: 20_000 }).toBe(401);
    } finally {
      await second.stop();
    }
  });

  test('what is nowhere tells a stranger nothing', async () => {
    for (const path of ['/', '/api/nothing', '/v1/nothing', '/secret']) {
      expect((await call(`GET ${path}`, undefined)).status, path).toBe(401);
      expect((await call(`GET ${path}`, keys.get('chat'))).status, path).toBe(404);
    }
  });

  test('every route refuses pages of others, open ones too', async () => {
    for (const route of Object.keys(routeRoles)) {
      for (const from of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
        expect((await call(route, keys.get('admin'), from)).status, route).toBe(403);
      }
    }
  });

  test('no key is in the log, or anywhere else', async () => {
    await api.stop();
    expect(await readFile(join(api.dataDir, 'logs', 'api.log'), 'utf8')).toContain('/api/keys');
    const secrets = [rootKey, ...[...keys.values()].map((key) => key.slice(-43))];
    const holding: string[] = [];
    for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name));
      if (secrets.some((secret) => bytes.includes(secret))) holding.push(entry.name);
    }
    expect(secrets).toHaveLength(5);
    expect(holding).toEqual([]);
  });
});
