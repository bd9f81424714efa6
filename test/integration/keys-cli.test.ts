import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import { type Harness, openHarness } from '../fixtures/gateway-harness.ts';

let harness: Harness;
let url: string;
/** RATCHET_API_KEY of the command. */
let apiKey: string | null = null;
beforeEach(async () => {
  harness = await openHarness({ providers: [] });
  url = await harness.serve();
  apiKey = null;
});
afterEach(() => harness.close());

interface Outcome {
  code: number;
  said: string;
}

async function run(...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [join(packageRoot, 'bin/ratchet.js'), ...args, '--url', url], {
    env: childEnvironment(apiKey === null ? {} : { RATCHET_API_KEY: apiKey }),
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => (said += more));
  }
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

async function json<T>(...args: string[]): Promise<T> {
  const { code, said } = await run(...args, '--json');
  expect(code, said).toBe(0);
  return JSON.parse(said) as T;
}

interface Key {
  id: string;
  key: string;
}

async function createAdmin(): Promise<void> {
  const limits = { rpm: null, tpm: null };
  const free = { team: null, limits, budget: null, record: 'all', expiresAt: null } as const;
  apiKey = (await harness.doors.desk.create({ name: 'root', owner: 'root', role: 'admin', ...free })).key;
}

describe('ratchet api-key', () => {
  test('the first key is an admin’s, and every command needs one afterwards', async () => {
    expect(await run('api-key', 'list')).toEqual({
      code: 0,
      said: 'No API key: whoever reaches this machine by itself may do everything.\n',
    });
    const early = await run('api-key', 'create', 'ci');
    expect(early).toMatchObject({
      code: 1,
      said: expect.stringMatching(/^ratchet: The first key must be an admin key/),
    });
    const first = await run('api-key', 'create', 'ada', '--role', 'admin');
    expect(first.code).toBe(0);
    const [key = ''] = /rk_[0-9a-z]{12}_[0-9A-Za-z]{43}/.exec(first.said) ?? [];
    expect(first.said).toBe(
      `The key "ada" of ada (admin). It is shown this once, keep it safe:\n\n${key}\n\n` +
        'Every request needs a key from now on: set RATCHET_API_KEY to an admin key for this command.\n',
    );
    expect((await run('api-key', 'list')).said).toMatch(/^ratchet: No API key was sent/);
    apiKey = key;
    expect((await run('api-key', 'list')).said).toMatch(/^NAME +ID +OWNER .*\nada +[0-9a-z]{12} +ada +– +admin /);
  });

  test('a key with all its limits, shown, changed, rotated and revoked', async () => {
    await createAdmin();
    expect((await run('team', 'set', 'red', '--rpm', '100')).said).toMatch(/^The team "red" has these limits now:/);
    const limits = ['--rpm', '60', '--tpm', '5000', '--budget', '2.5', '--per', 'day', '--over', 'ollama/small'];
    const who = ['--owner', 'ada', '--team', 'red', '--role', 'rate', '--record', 'meta', '--expires', '30d'];
    const made = await json<Key & { expires_at: string }>('api-key', 'create', 'ci', ...limits, ...who);
    expect(made).toMatchObject({
      name: 'ci',
      owner: 'ada',
      team: 'red',
      role: 'rate',
      requests_per_minute: 60,
      tokens_per_minute: 5000,
      budget: { limit_usd: 2.5, per: 'day', over: 'ollama/small', spent_usd: 0 },
      record: 'meta',
    });
    const days = (Date.parse(made.expires_at) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29);
    expect(days).toBeLessThanOrEqual(30);

    const { said } = await run('api-key', 'show', 'ci');
    expect(said).toMatch(/^name +ci$/m);
    expect(said).toMatch(/^budget +\$0\.00 of \$2\.50 a day, then ollama\/small$/m);
    expect(said).toMatch(/^state +until \d{4}-/m);
    expect(said).not.toContain(made.key);

    const changed = await json<object>('api-key', 'set', 'ci', '--over', 'stop', '--rpm', 'none', '--expires', 'none');
    expect(changed).toMatchObject({
      requests_per_minute: null,
      tokens_per_minute: 5000,
      budget: { limit_usd: 2.5, per: 'day', over: 'stop' },
      expires_at: null,
      role: 'rate',
    });
    expect(await json('api-key', 'set', made.id, '--budget', 'none', '--team', 'none')).toMatchObject({
      budget: null,
      team: null,
    });

    const rotated = await json<Key>('api-key', 'rotate', 'ci');
    expect(rotated).toMatchObject({ id: made.id });
    expect(() => harness.doors.access.authenticate(`Bearer ${made.key}`)).toThrow(/wrong/);
    harness.doors.access.authenticate(`Bearer ${rotated.key}`);

    expect((await run('api-key', 'revoke', 'ci')).said).toBe('The key "ci" is revoked.\n');
    expect(() => harness.doors.access.authenticate(`Bearer ${rotated.key}`)).toThrow(/revoked/);
    expect(await json<object[]>('api-key', 'list')).toHaveLength(1);
    expect(await json<object[]>('api-key', 'list', '--all')).toHaveLength(2);
    expect((await run('team', 'list')).said).toMatch(/^NAME +REQUESTS\/MIN +TOKENS\/MIN +BUDGET\nred +100 +– +–\n$/);
  });

  test('bad input is refused with what to do', async () => {
    await createAdmin();
    const faults: [string[], RegExp][] = [
      [['api-key', 'show', 'nobody'], /There is no key "nobody": "ratchet api-key list" shows them/],
      [['api-key', 'create', 'x', '--rpm', 'many'], /--rpm is not a number: "many"/],
      [['api-key', 'create', 'x', '--expires', 'soon'], /--expires is not a time: "soon"/],
      [['api-key', 'create', 'x', '--role', 'king'], /Allowed choices are chat, rate, operate, admin/],
      [['api-key', 'revoke', 'root'], /This is the last admin key that lasts/],
    ];
    for (const [args, said] of faults) {
      expect(await run(...args)).toMatchObject({ code: 1, said: expect.stringMatching(said) });
    }
    expect(await harness.store.keys.list()).toHaveLength(1);
  });
});
