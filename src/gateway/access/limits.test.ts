import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Budget, Principal, RateLimits } from '../../core/access.ts';
import { asRatchetError } from '../../core/errors.ts';
import { openStore } from '../../store/open.ts';
import type { ApiKeyRecord, Store, TeamRecord } from '../../store/types.ts';
import { openAiError } from '../openai-error.ts';
import { type AccessLimits, createLimits } from './limits.ts';

const minute = 60_000;
const none: RateLimits = { rpm: null, tpm: null };
const dollar = 1e9;
const principal: Principal = { owner: 'ada', role: 'chat', keyId: 'k1', team: 'red', record: 'all' };
const log = { warn: () => {} };

let dataDir: string;
let store: Store;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ratchet-limits-'));
  store = await openStore({ dataDir });
});
afterAll(async () => {
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

const opened: AccessLimits[] = [];
afterEach(() => {
  for (const limits of opened.splice(0)) limits.close();
});

interface Given {
  key?: Partial<Pick<ApiKeyRecord, 'limits' | 'budget' | 'id'>>;
  team?: Partial<Pick<TeamRecord, 'limits' | 'budget'>>;
  /** One clock for both; in ms. */
  time?: { now: number };
}

/** Limits of one key in one team, over a real store of what was spent. */
async function limitsOf({ key: given, team: more, time }: Given): Promise<AccessLimits> {
  const team: TeamRecord = { name: 'red', limits: none, budget: null, createdAt: 0, ...more };
  const key: ApiKeyRecord = {
    id: 'k1',
    name: 'ci',
    owner: 'ada',
    team: 'red',
    role: 'chat',
    secretHash: '',
    limits: none,
    budget: null,
    record: 'all',
    createdAt: 0,
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: null,
    ...given,
  };
  const limits = await createLimits({
    access: {
      key: (id) => (id === key.id ? key : null),
      keys: () => [key],
      team: (name) => (name === team.name ? team : null),
      teams: () => [team],
    },
    usage: store.usage,
    log,
    ...(time && { now: () => time.now, clock: () => time.now }),
  });
  opened.push(limits);
  return limits;
}

function refusal(act: () => unknown) {
  try {
    act();
  } catch (error) {
    return openAiError(asRatchetError(error));
  }
  throw new Error('it was not refused');
}

describe('requests and tokens per minute', () => {
  test('no more calls of a key than its limit and its team’s are let in, in any sliding minute', async () => {
    const steps = fc.array(fc.oneof(fc.nat(200), fc.nat(4_000), fc.nat(70_000)), { maxLength: 150 });
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        async (gaps, own, team) => {
          const time = { now: 1_000_000 };
          const limits = await limitsOf({
            key: { limits: { rpm: own, tpm: null } },
            team: { limits: { rpm: team, tpm: null } },
            time,
          });
          const most = Math.min(own, team);
          const admitted: number[] = [];
          for (const gap of gaps) {
            time.now += gap;
            try {
              limits.admit(principal);
              admitted.push(time.now);
            } catch (error) {
              const inMinute = admitted.filter((at) => at > time.now - minute - 1_000);
              expect(asRatchetError(error).code).toBe('RateLimited');
              expect(inMinute.length).toBeGreaterThanOrEqual(most);
            }
            expect(admitted.filter((at) => at > time.now - minute).length).toBeLessThanOrEqual(most);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test('a refused call says how long to wait, and goes through then', async () => {
    const time = { now: 5_000_000 };
    const limits = await limitsOf({ key: { limits: { rpm: 2, tpm: null } }, time });
    expect(limits.admit(principal).headers).toEqual({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-reset-requests': '1m1s',
    });
    time.now += 20_000;
    limits.admit(principal);
    const { status, headers, body } = refusal(() => limits.admit(principal));
    expect(status).toBe(429);
    expect(body.error).toMatchObject({ type: 'rate_limit_error', code: 'RateLimited' });
    expect(body.error.message).toBe('The key "ci" may use 2 requests a minute: wait 41 s, or ask an admin for more.');
    expect(headers).toMatchObject({ 'retry-after': '41', 'x-ratelimit-remaining-requests': '0' });
    expect(headers).not.toHaveProperty('x-should-retry');
    time.now += 40_999;
    expect(() => limits.admit(principal)).toThrow();
    time.now += 1;
    limits.admit(principal);
  });

  test('tokens count when a call is over, once, for the key and for its team', async () => {
    const time = { now: 5_000_000 };
    const limits = await limitsOf({ team: { limits: { rpm: null, tpm: 100 } }, time });
    const first = limits.admit(principal);
    expect(first.headers).toMatchObject({ 'x-ratelimit-remaining-tokens': '100', 'x-ratelimit-reset-tokens': '0ms' });
    first.settle({ tokens: 60, costNanos: 0 });
    first.settle({ tokens: 60, costNanos: 0 });
    const second = limits.admit(principal);
    expect(second.headers).toMatchObject({ 'x-ratelimit-remaining-tokens': '40' });
    second.settle({ tokens: 50, costNanos: 0 });
    expect(refusal(() => limits.admit(principal)).body.error.message).toMatch(/team "red" may use 100 tokens a minute/);
    time.now += 61_000;
    limits.admit(principal);
  });

  test('who has no key of the table has no limits', async () => {
    const limits = await limitsOf({ key: { limits: { rpm: 1, tpm: 1 } } });
    for (let n = 0; n < 3; n += 1) {
      expect(limits.admit({ ...principal, keyId: null })).toMatchObject({ instead: null, headers: {} });
    }
  });
});

describe('budgets', () => {
  const budget = (more: Partial<Budget> = {}): Budget => ({ limitNanos: dollar, per: 'day', over: 'stop', ...more });
  const spend = (keyId: string, team: string, costNanos: number) =>
    store.usage.add({
      owner: 'ada',
      keyId,
      team,
      provider: 'p',
      model: 'm',
      failed: false,
      promptTokens: 1,
      completionTokens: 1,
      costNanos,
    });
  const as = (keyId: string, team = keyId): Principal => ({ ...principal, keyId, team });

  test('a spent one stops, and tells clients not to try again', async () => {
    const limits = await limitsOf({ key: { id: 'stops', budget: budget() } });
    limits.admit(as('stops')).settle({ tokens: 1, costNanos: 0.6 * dollar });
    limits.admit(as('stops')).settle({ tokens: 1, costNanos: 0.6 * dollar });
    const { status, headers, body } = refusal(() => limits.admit(as('stops')));
    expect(status).toBe(429);
    expect(headers).toEqual({ 'x-should-retry': 'false' });
    expect(body.error).toMatchObject({ type: 'insufficient_quota', code: 'BudgetSpent' });
    expect(body.error.message).toMatch(
      /^The key "ci" has spent its budget of \$1\.00 a day: ask an admin to raise it, or wait until \d{4}-\d\d-\d\d 00:00 UTC\.$/,
    );
  });

  test('a spent one names the model to ask instead; one that stops ranks before it', async () => {
    const over = 'ollama/small';
    const limits = await limitsOf({
      key: { id: 'falls', budget: budget({ over }) },
      team: { budget: budget({ limitNanos: 2 * dollar }) },
    });
    expect(limits.admit(as('falls', 'red')).instead).toBeNull();
    limits.admit(as('falls', 'red')).settle({ tokens: 1, costNanos: dollar });
    const instead = limits.admit(as('falls', 'red'));
    expect(instead.instead).toBe(over);
    instead.settle({ tokens: 1, costNanos: dollar });
    expect(refusal(() => limits.admit(as('falls', 'red'))).body.error.message).toMatch(/team "red"/);
  });

  test.each([
    ['day', '2026-11-21T23:59:59Z', '2026-11-22T00:00:00Z'],
    ['month', '2026-12-31T23:59:59Z', '2027-01-01T00:00:00Z'],
  ] as const)('a new %s has a new budget', async (per, before, after) => {
    const time = { now: Date.parse(before) };
    const limits = await limitsOf({ key: { id: `new ${per}`, budget: budget({ per }) }, time });
    limits.admit(as(`new ${per}`)).settle({ tokens: 1, costNanos: dollar });
    expect(refusal(() => limits.admit(as(`new ${per}`))).body.error.message).toContain(after.slice(0, 10));
    time.now = Date.parse(after);
    expect(limits.spentByKey(`new ${per}`)).toBe(0);
    limits.admit(as(`new ${per}`));
  });

  test('what is read from the store is not counted twice, and what other processes spent counts', async () => {
    const key = { id: 'shared', budget: budget({ per: 'total', limitNanos: 10 * dollar }) };
    await spend('shared', '', dollar);
    const here = await limitsOf({ key });
    const there = await limitsOf({ key });
    expect(here.spentByKey('shared')).toBe(dollar);
    await spend('shared', '', 2 * dollar);
    here.admit(as('shared')).settle({ tokens: 1, costNanos: 2 * dollar });
    expect(here.spentByKey('shared')).toBe(3 * dollar);
    expect(there.spentByKey('shared')).toBe(dollar);
    await here.refresh();
    await there.refresh();
    expect(here.spentByKey('shared')).toBe(3 * dollar);
    expect(there.spentByKey('shared')).toBe(3 * dollar);
    await spend('shared', '', 7 * dollar);
    await there.refresh();
    expect(() => there.admit(as('shared'))).toThrow(/in all: ask an admin to raise it\./);
  });

  test('teams have budgets of their own', async () => {
    await spend('somebody', 'blue team', 0);
    const limits = await limitsOf({ team: { budget: budget() } });
    await spend('somebody else', 'red', dollar);
    limits.admit(as('k1', 'red'));
    await limits.refresh();
    expect(limits.spentByTeam('red')).toBe(dollar);
    expect(limits.spentByKey('k1')).toBeNull();
    expect(() => limits.admit(as('k1', 'red'))).toThrow(/team "red" has spent/);
  });
});
