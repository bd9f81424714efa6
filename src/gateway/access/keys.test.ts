import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Role } from '../../core/access.ts';
import { openStore } from '../../store/open.ts';
import type { NewApiKey, Store } from '../../store/types.ts';
import { type KeyDesk, createKeyDesk } from './desk.ts';
import { type Access, createAccess } from './keys.ts';

const rootKey = 'a-key-of-enough-letters';
const log = { warn: () => {} };

let dataDir: string;
let store: Store;
const opened: Access[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ratchet-keys-'));
  store = await openStore({ dataDir });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((access) => access.close()));
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function open(root: string | null = null, now?: () => number): Promise<{ access: Access; desk: KeyDesk }> {
  const access = await createAccess({ keys: store.keys, rootKey: root, log, ...(now && { now }) });
  opened.push(access);
  return { access, desk: createKeyDesk({ keys: store.keys, access, hasRootKey: root !== null }) };
}

const key = (name: string, role: Role = 'chat', more: Partial<NewApiKey> = {}): Omit<NewApiKey, 'secretHash'> => ({
  name,
  owner: name,
  team: null,
  role,
  limits: { rpm: null, tpm: null },
  budget: null,
  record: 'all',
  expiresAt: null,
  ...more,
});

const bearer = (secret: string): string => `Bearer ${secret}`;

describe('who gets in', () => {
  test('everybody who reaches the loopback, as long as there is no key', async () => {
    const { access, desk } = await open();
    expect(access.authenticate(undefined)).toMatchObject({ owner: 'local', role: 'admin', keyId: null });
    expect(access.authenticate(bearer('sk-whatever'))).toMatchObject({ owner: 'local' });
    await desk.create(key('ada', 'admin'));
    expect(() => access.authenticate(undefined)).toThrow('No API key was sent: send it as "Authorization: Bearer …".');
    expect(() => access.authenticate(bearer('sk-whatever'))).toThrow(/The API key is wrong/);
  });

  test('the holder of a key, as the one it was made for, by each of the three headers', async () => {
    const { access, desk } = await open(rootKey);
    await desk.putTeam({ name: 'red', limits: { rpm: 5, tpm: null }, budget: null });
    const { key: secret, record } = await desk.create(key('ada', 'rate', { team: 'red', record: 'meta' }));
    expect(secret).toMatch(new RegExp(`^rk_${record.id}_[0-9A-Za-z]{43}$`));
    const principal = { owner: 'ada', role: 'rate', keyId: record.id, team: 'red', record: 'meta' };
    expect(access.authenticate(bearer(secret))).toEqual(principal);
    expect(access.authenticate(`bearer  ${secret} `)).toEqual(principal);
    expect(access.authenticate(undefined, secret)).toEqual(principal);
    expect(access.authenticate(bearer(rootKey))).toMatchObject({ owner: 'local', role: 'admin', keyId: null });
    expect(access.authenticate(undefined, rootKey)).toMatchObject({ owner: 'local' });
  });

  test('nobody with a key that is not quite one', async () => {
    const { access, desk } = await open(rootKey);
    const { key: secret, record } = await desk.create(key('ada'));
    const { key: other } = await desk.create(key('bob'));
    const swapped = `rk_${record.id}_${other.slice(-43)}`;
    const last = secret.at(-1) === 'a' ? 'b' : 'a';
    const wrong = [swapped, secret.slice(0, -1), `${secret.slice(0, -1)}${last}`, `${secret}a`, record.secretHash];
    for (const one of [
      ...wrong,
      `rk_${record.id}_`,
      `rk_${record.id}_${record.secretHash}`,
      `${rootKey}x`,
      'undefined',
    ]) {
      expect(() => access.authenticate(bearer(one)), one).toThrow(/The API key is wrong/);
    }
    for (const one of [secret, `Basic ${secret}`, 'Bearer', 'Bearer ']) {
      expect(() => access.authenticate(one), one).toThrow(/No API key was sent/);
    }
  });

  test('a revoked key is refused at once, and says so to its holder only', async () => {
    const { access, desk } = await open(rootKey);
    const { key: secret, record } = await desk.create(key('ada'));
    access.authenticate(bearer(secret));
    await desk.revoke(record.id);
    expect(() => access.authenticate(bearer(secret))).toThrow('This API key was revoked: ask an admin for a new one.');
    expect(() => access.authenticate(bearer(`rk_${record.id}_${'a'.repeat(43)}`))).toThrow(/The API key is wrong/);
    await desk.revoke(record.id);
    await desk.create(key('ada'));
  });

  test('an expired key is refused from its moment on', async () => {
    const time = { now: Date.parse('2026-11-21T12:00:00Z') };
    const { access, desk } = await open(rootKey, () => time.now);
    const { key: secret } = await desk.create(key('ada', 'chat', { expiresAt: time.now + 1_000 }));
    time.now += 999;
    access.authenticate(bearer(secret));
    time.now += 1;
    expect(() => access.authenticate(bearer(secret))).toThrow(
      'This API key expired on 2026-11-21: ask an admin for a new one.',
    );
  });

  test('a rotated key has a new secret and stays the same key', async () => {
    const { access, desk } = await open(rootKey);
    const first = await desk.create(key('ada'));
    const second = await desk.rotate(first.record.id);
    expect(second.record.id).toBe(first.record.id);
    expect(() => access.authenticate(bearer(first.key))).toThrow(/The API key is wrong/);
    expect(access.authenticate(bearer(second.key))).toMatchObject({ keyId: first.record.id });
    await desk.revoke(first.record.id);
    await expect(desk.rotate(first.record.id)).rejects.toMatchObject({ code: 'Conflict' });
    await expect(desk.rotate('nobody')).rejects.toMatchObject({ code: 'NotFound' });
  });

  test('a key that was put into RATCHET_API_KEY does not outlive its revocation', async () => {
    const { desk: issuing } = await open(rootKey);
    const { key: secret, record } = await issuing.create(key('ada', 'chat'));
    const { access, desk } = await open(secret);
    expect(access.authenticate(bearer(secret))).toMatchObject({ owner: 'ada', role: 'chat' });
    await desk.revoke(record.id);
    expect(() => access.authenticate(bearer(secret))).toThrow(/revoked/);
  });
});

describe('the table', () => {
  test('changes of another process are seen after a refresh, and a slow old reading does not undo a new one', async () => {
    const { access: here } = await open(rootKey);
    const { desk: there } = await open(rootKey);
    const { key: secret, record } = await there.create(key('ada'));
    expect(() => here.authenticate(bearer(secret))).toThrow(/wrong/);
    await here.refresh();
    here.authenticate(bearer(secret));

    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { promise: hasRead, resolve: read } = Promise.withResolvers<void>();
    let slow = false;
    const keys = {
      ...store.keys,
      list: async () => {
        const before = await store.keys.list();
        if (slow) {
          read();
          await held;
        }
        return before;
      },
    };
    const access = await createAccess({ keys, rootKey, log });
    opened.push(access);
    slow = true;
    const old = access.refresh();
    await hasRead;
    await there.revoke(record.id);
    slow = false;
    await access.refresh();
    release();
    await old;
    expect(() => access.authenticate(bearer(secret))).toThrow(/revoked/);
  });

  test('notices on its own what another process changed', async () => {
    const access = await createAccess({ keys: store.keys, rootKey, log, refreshMs: 5 });
    opened.push(access);
    const { desk } = await open(rootKey);
    const { key: secret } = await desk.create(key('ada'));
    await expect.poll(() => access.keys().length).toBe(1);
    access.authenticate(bearer(secret));
  });

  test('a store that cannot be read leaves the table as it was, and says so', async () => {
    const { desk } = await open(rootKey);
    const { key: secret } = await desk.create(key('ada'));
    const said: string[] = [];
    let broken = false;
    const keys = { ...store.keys, list: () => (broken ? Promise.reject(new Error('gone')) : store.keys.list()) };
    const warn = (_facts: object, message: string) => void said.push(message);
    const access = await createAccess({ keys, rootKey, log: { warn }, refreshMs: 5 });
    opened.push(access);
    broken = true;
    await expect.poll(() => said).toContain('API keys could not be read again: those known stay in force');
    access.authenticate(bearer(secret));
  });

  test('it is noted when a key was last used', async () => {
    const time = { now: 1_700_000_000_000 };
    const { access, desk } = await open(rootKey, () => time.now);
    const { key: secret, record } = await desk.create(key('ada'));
    expect(record.lastUsedAt).toBeNull();
    access.authenticate(bearer(secret));
    time.now += 5;
    access.authenticate(bearer(secret));
    expect(await desk.get(record.id)).toMatchObject({ lastUsedAt: time.now });
    time.now += 5;
    access.authenticate(bearer(secret));
    await access.close();
    expect(await store.keys.get(record.id)).toMatchObject({ lastUsedAt: time.now });
  });
});

describe('nobody is locked out', () => {
  test('the first key is an admin’s that does not expire, unless there is RATCHET_API_KEY', async () => {
    const { desk } = await open();
    for (const bad of [key('ada', 'operate'), key('ada', 'admin', { expiresAt: Date.now() + 1e9 })]) {
      await expect(desk.create(bad)).rejects.toMatchObject({ code: 'InvalidInput' });
    }
    await desk.create(key('ada', 'admin'));
    await desk.create(key('bob', 'chat'));
    await (await open(rootKey)).desk.create(key('carol', 'chat'));
  });

  test('the last admin’s key is neither revoked nor made less, unless there is RATCHET_API_KEY', async () => {
    const { desk } = await open();
    const { record } = await desk.create(key('ada', 'admin'));
    await desk.create(key('guest', 'admin', { expiresAt: Date.now() + 1e9 }));
    await expect(desk.revoke(record.id)).rejects.toMatchObject({ code: 'Conflict' });
    await expect(desk.update(record.id, { role: 'operate' })).rejects.toMatchObject({ code: 'Conflict' });
    await expect(desk.update(record.id, { expiresAt: Date.now() })).rejects.toMatchObject({ code: 'Conflict' });
    await desk.update(record.id, { record: 'none' });
    const { record: second } = await desk.create(key('bob', 'admin'));
    await desk.update(record.id, { role: 'operate' });
    await expect(desk.revoke(second.id)).rejects.toMatchObject({ code: 'Conflict' });
    await (await open(rootKey)).desk.revoke(second.id);
  });

  test('revoking every key does not open the door again', async () => {
    const { desk } = await open(rootKey);
    const { record } = await desk.create(key('ada', 'admin'));
    await desk.revoke(record.id);
    const { access } = await open();
    expect(() => access.authenticate(undefined)).toThrow(/No API key was sent/);
  });
});

test('a team must be there before a key is put into it', async () => {
  const { desk } = await open(rootKey);
  await expect(desk.create(key('ada', 'chat', { team: 'red' }))).rejects.toMatchObject({ code: 'NotFound' });
  const { record } = await desk.create(key('ada'));
  await expect(desk.update(record.id, { team: 'red' })).rejects.toThrow(/ratchet team set red/);
});

test('no secret is anywhere in the data folder', async () => {
  const { access, desk } = await open(rootKey);
  const first = await desk.create(key('ada'));
  const second = await desk.rotate(first.record.id);
  access.authenticate(bearer(second.key));
  await access.close();
  const found: string[] = [];
  for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const bytes = await readFile(join(entry.parentPath, entry.name), 'latin1');
    for (const secret of [first.key, second.key, rootKey]) {
      if (bytes.includes(secret) || bytes.includes(secret.slice(-43))) found.push(entry.name);
    }
    if (bytes.includes(second.record.secretHash)) found.push('the hash');
  }
  expect(new Set(found)).toEqual(new Set(['the hash']));
});
