import { expect, test } from 'vitest';
import type { NewApiKey } from '../../src/store/types.ts';
import type { NewInstallation } from './installation.ts';

const given = (name: string, more: Partial<NewApiKey> = {}): NewApiKey => ({
  name,
  owner: 'ada',
  team: null,
  role: 'chat',
  secretHash: 'ab'.repeat(32),
  limits: { rpm: null, tpm: null },
  budget: null,
  record: 'all',
  expiresAt: null,
  ...more,
});

/** What every store owes to API keys and teams. */
export function keySuite(install: NewInstallation): void {
  test('a key comes back as it was given', async () => {
    const store = await (await install()).open();
    const full = given('ci', {
      team: 'red',
      role: 'operate',
      limits: { rpm: 10, tpm: 5_000_000_000 },
      budget: { limitNanos: 9_000_000_000_001, per: 'month', over: 'ollama/qwen2.5:0.5b' },
      record: 'none',
      expiresAt: 1_800_000_000_000,
    });
    const first = await store.keys.create(full, 'zz');
    const second = await store.keys.create(given('Zoë'), 'aa');
    expect(first).toEqual({ ...full, id: 'zz', createdAt: expect.any(Number), revokedAt: null, lastUsedAt: null });
    expect(await store.keys.get('zz')).toEqual(first);
    expect(await store.keys.get('none')).toBeNull();
    expect((await store.keys.list()).toSorted((a, b) => b.id.localeCompare(a.id))).toEqual([first, second]);
  });

  test('a name is taken until its key is revoked, for whichever process comes second', async () => {
    const installation = await install();
    const [one, other] = [await installation.open(), await installation.open()];
    const results = await Promise.allSettled([
      one.keys.create(given('ci'), 'k1'),
      other.keys.create(given('ci'), 'k2'),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const lost = results.find((result) => result.status === 'rejected');
    expect(lost?.reason).toMatchObject({ code: 'Conflict' });
    const [kept] = await one.keys.list();
    await other.keys.revoke(kept?.id ?? '');
    await one.keys.create(given('ci'), 'k3');
    expect(await one.keys.list()).toHaveLength(2);
  });

  test('only what is named is changed', async () => {
    const store = await (await install()).open();
    const before = await store.keys.create(given('ci', { limits: { rpm: 1, tpm: 2 }, expiresAt: 5 }), 'k');
    await store.keys.update('k', { role: 'rate' });
    expect(await store.keys.get('k')).toEqual({ ...before, role: 'rate' });
    const change = {
      team: 'red',
      limits: { rpm: null, tpm: 3 },
      budget: { limitNanos: 1, per: 'day', over: 'stop' },
      record: 'meta',
      expiresAt: null,
      secretHash: 'cd'.repeat(32),
    } as const;
    await store.keys.update('k', change);
    expect(await store.keys.get('k')).toEqual({ ...before, role: 'rate', ...change });
    await store.keys.update('k', { budget: null, team: null });
    expect(await store.keys.get('k')).toMatchObject({ budget: null, team: null, limits: { tpm: 3 } });
    await expect(store.keys.update('none', { role: 'admin' })).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('a key is revoked once, and stays in the list', async () => {
    const store = await (await install()).open();
    await store.keys.create(given('ci'), 'k');
    await store.keys.revoke('k');
    const { revokedAt } = (await store.keys.get('k')) ?? {};
    expect(revokedAt).toBeGreaterThan(0);
    await store.keys.revoke('k');
    expect((await store.keys.list())[0]).toMatchObject({ id: 'k', revokedAt });
    await expect(store.keys.revoke('none')).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('when a key was last used never runs backwards', async () => {
    const store = await (await install()).open();
    await store.keys.create(given('a'), 'a');
    await store.keys.create(given('b'), 'b');
    await store.keys.used(new Map());
    await store.keys.used(
      new Map([
        ['a', 100],
        ['gone', 5],
      ]),
    );
    await store.keys.used(
      new Map([
        ['a', 50],
        ['b', 7],
      ]),
    );
    expect((await store.keys.get('a'))?.lastUsedAt).toBe(100);
    expect((await store.keys.get('b'))?.lastUsedAt).toBe(7);
  });

  test('a team is put, put again, and listed by name', async () => {
    const store = await (await install()).open();
    const red = { name: 'red', limits: { rpm: 1, tpm: null }, budget: null };
    await store.keys.putTeam(red);
    const [{ createdAt } = { createdAt: 0 }] = await store.keys.teams();
    await store.keys.putTeam({ name: 'blue', limits: { rpm: null, tpm: null }, budget: null });
    const budget = { limitNanos: 5, per: 'total', over: 'stop' } as const;
    await store.keys.putTeam({ ...red, budget });
    expect(await store.keys.teams()).toMatchObject([{ name: 'blue' }, { ...red, budget, createdAt }]);
  });
}
