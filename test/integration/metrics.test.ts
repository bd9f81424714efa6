import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pino } from 'pino';
import { parse } from 'yaml';
import { metricsRoutes } from '../../src/api/metrics.ts';
import { childEnvironment, packageRoot, searchPath } from '../../src/config.ts';
import type { JsonObject } from '../../src/core/canonical.ts';
import { RatchetError } from '../../src/core/errors.ts';
import { parseSettings } from '../../src/core/settings.ts';
import { createPolicy } from '../../src/gateway/policy.ts';
import type { Observer } from '../../src/gateway/ports.ts';
import { createPrices } from '../../src/gateway/price.ts';
import { createResolver } from '../../src/gateway/resolve.ts';
import { createLanes } from '../../src/gateway/routing/lanes.ts';
import { findExecutable } from '../../src/process/find.ts';
import { runProcess } from '../../src/process/run.ts';
import { createRegistry } from '../../src/providers/registry.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type Metrics, createMetrics } from '../../src/telemetry/metrics.ts';
import { createObserver } from '../../src/telemetry/observer.ts';
import { type Family, parseExposition, sampleValue } from '../fixtures/exposition.ts';
import { type Harness, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type WireServer, delta, fails, finish, startWireServer, streamOf, whole } from '../fixtures/wire-server.ts';

const secret = 'The duchess hides her pearls in the piano.';
const answer = 'I would rather use the chimney of the east wing.';
const rootKey = 'a-root-key-of-enough-letters';
const settings = parseSettings(
  JSON.stringify({
    routes: { safe: { model: 'broken/tiny', fallback: ['wire/tiny'], egress: 'allow' } },
    providers: { wire: { locality: 'remote' } },
    prices: { 'wire/tiny': { input: 1_000, output: 2_000 } },
    routing: { retries: 1, breaker: { failures: 2 } },
  }),
  'ratchet.json',
);

let wire: WireServer;
let broken: WireServer;
let harness: Harness;
let metrics: Metrics;
let key: string;
const lines: string[] = [];

beforeAll(async () => {
  wire = await startWireServer(['tiny']);
  broken = await startWireServer(['tiny'], fails(500, { error: { message: 'no' } }));
  const providers = [wireProvider(wire.url), wireProvider(broken.url, 'broken')];
  const resolver = createResolver({ registry: createRegistry(providers), selection: () => null });
  metrics = createMetrics({
    version: '9.9.9',
    store: 'sqlite',
    writes: () => harness.store.writes(),
    figures: () => harness.store.figures(),
    disk: async () => ({ free: 1e9, size: 1e10 }),
    providers: () => [{ provider: 'wire', up: true }],
    freed: () => [{ provider: 'wire', count: 1 }],
    keepMs: 0,
  });
  const log = createLog({ level: 'info', name: 'api', to: { write: (line) => void lines.push(line) } });
  const observer: Observer = createObserver({ metrics: metrics.calls, tracer: null, log });
  harness = await openHarness({
    providers,
    apiKey: rootKey,
    routes: () => [metricsRoutes({ metrics })],
    gateway: {
      resolver,
      lanes: createLanes({ settings: () => settings, broken: (...change) => observer.broken?.(...change) }),
      policy: createPolicy({ settings: () => settings, resolver }),
      prices: createPrices({ settings: () => settings, log }),
      observer,
    },
  });
  key = await issue('chatty', null);
  await harness.store.cycles.create({ id: 'c1', base: 'tiny', name: 'c1', recipe: 'r' });
  const who = { owner: 'k1', holder: 'h1', cycleId: 'c1', step: 'train', pid: 1, expectedEnd: null } as const;
  await harness.store.gpuLeases.take({ host: 'box', device: 'gpu', ...who, ttlMs: 3_600_000 });
  await everyKindOfCall();
});

afterAll(async () => {
  await harness.close();
  await Promise.all([wire.close(), broken.close()]);
});

async function issue(name: string, rpm: number | null): Promise<string> {
  const rest = { team: null, budget: null, record: 'all', expiresAt: null } as const;
  return (await harness.doors.desk.create({ name, owner: name, role: 'chat', limits: { rpm, tpm: null }, ...rest }))
    .key;
}

function chat(body: JsonObject, { as = key, signal }: { as?: string; signal?: AbortSignal } = {}): Promise<Response> {
  const asked = { model: 'wire/tiny', messages: [{ role: 'user', content: secret }], ...body };
  return harness.chat(asked, { headers: { authorization: `Bearer ${as}` }, ...(signal && { signal }) });
}

/** 2 complete, 1 unrecorded, 1 through a fallback, 1 failed, 1 that its client left, 1 refused, 1 for no model. */
async function everyKindOfCall(): Promise<void> {
  wire.answerWith(whole(answer));
  await (await chat({})).text();
  await (await chat({ store: false })).text();
  await (await chat({ model: 'safe' })).text();
  const usage = { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 };
  const chunks = [delta({ role: 'assistant', content: answer }), delta({ content: '!' }), finish('stop')];
  wire.answerWith(streamOf([...chunks, { ...delta({}), choices: [], usage }], { pauseMs: 5 }));
  await (await chat({ stream: true })).text();
  expect((await chat({ model: 'broken/tiny' })).status).toBe(502);
  expect((await chat({ model: 'nobody/knows-this-model' })).status).toBe(404);
  const limited = await issue('limited', 1);
  wire.answerWith(whole(answer));
  await (await chat({}, { as: limited })).text();
  expect((await chat({}, { as: limited })).status).toBe(429);
  await leave();
  await harness.gateway.settled();
}

async function leave(): Promise<void> {
  wire.answerWith(streamOf([delta({ role: 'assistant', content: answer })], { ending: 'hang' }));
  const abort = new AbortController();
  const response = await chat({ stream: true }, { signal: abort.signal });
  await response.body?.getReader().read();
  abort.abort();
  await wire.requests.at(-1)?.cut;
}

async function scrape(accept = 'text/plain'): Promise<Response> {
  return harness.app.request('/metrics', { headers: { accept, authorization: `Bearer ${rootKey}` } });
}

const read = async (): Promise<Map<string, Family>> => parseExposition(await (await scrape()).text());

describe('after every kind of call', () => {
  const who = { provider: 'wire', model: 'tiny' };

  test('the numbers are right', async () => {
    const found = await read();
    const value = (name: string, labels: Record<string, string> = {}) => sampleValue(found, name, labels) ?? 0;
    const calls = (provider: string, model: string, state: string) =>
      value('ratchet_calls_total', { kind: 'chat', provider, model, state });
    expect({
      complete: calls('wire', 'tiny', 'complete'),
      left: calls('wire', 'tiny', 'interrupted'),
      failed: calls('broken', 'other', 'failed'),
      retries: value('ratchet_retries_total', { provider: 'broken', model: 'other', code: 'ProviderUnavailable' }),
      leftAlone: value('ratchet_breakers_open', { provider: 'broken' }),
      fallbacks: value('ratchet_fallbacks_total', { provider: 'broken', model: 'other', code: 'ProviderUnavailable' }),
      limited: value('ratchet_call_refusals_total', { kind: 'chat', code: 'RateLimited' }),
      unknown: value('ratchet_call_refusals_total', { kind: 'chat', code: 'NotFound' }),
      input: value('ratchet_tokens_total', { ...who, type: 'input' }),
      output: value('ratchet_tokens_total', { ...who, type: 'output' }),
      inFlight: value('ratchet_calls_in_flight'),
      queued: value('ratchet_cycles', { state: 'queued' }),
      open: value('ratchet_open_completions'),
      leased: value('ratchet_gpu_leased', { host: 'box', device: 'gpu' }),
      streams: value('ratchet_time_to_first_token_seconds_count', who),
      speeds: value('ratchet_output_tokens_per_second_count', who),
    }).toEqual({
      complete: 5,
      left: 1,
      failed: 1,
      retries: 2,
      leftAlone: 1,
      fallbacks: 1,
      limited: 1,
      unknown: 1,
      input: 4 * 7 + 11,
      output: 4 * 3 + 5,
      inFlight: 0,
      queued: 1,
      open: 0,
      leased: 1,
      streams: 2,
      speeds: 1,
    });
    expect(value('ratchet_cost_usd_total', who)).toBeCloseTo((39 * 1_000 + 17 * 2_000) / 1e6, 9);
  });

  test('what was served is what was recorded, and the store agrees', async () => {
    const found = await read();
    const value = (name: string, labels: Record<string, string>) => sampleValue(found, name, labels) ?? 0;
    for (const record of ['all', 'meta']) {
      const served = value('ratchet_answers_served_total', { record });
      expect(served).toBeGreaterThan(0);
      expect(value('ratchet_answers_recorded_total', { record })).toBe(served);
    }
    const rows = (await harness.store.chats.list({}, { limit: 100 })).items;
    const states = Map.groupBy(rows, ({ state }) => state);
    for (const state of ['complete', 'interrupted', 'failed'] as const) {
      const counted =
        value('ratchet_records_total', { record: 'all', state }) +
        value('ratchet_records_total', { record: 'meta', state });
      expect(counted, state).toBe(states.get(state)?.length);
    }
    const { commits, syncs } = harness.store.writes();
    expect(value('ratchet_store_commits_total', {})).toBeLessThanOrEqual(commits);
    expect(value('ratchet_store_syncs_total', {})).toBeGreaterThan(0);
    expect(syncs).toBeLessThanOrEqual(commits);
    expect(value('ratchet_commit_wait_seconds_count', {})).toBe(rows.length);
  });

  test('neither metrics nor log lines hold a word of the chats, a key, or a name', async () => {
    const { text } = await metrics.render();
    for (const word of [secret, answer, key, rootKey, 'duchess', 'chimney', 'knows-this-model', 'chatty']) {
      expect(text).not.toContain(word);
    }
    for (const word of [secret, answer, key, rootKey, 'duchess', 'chimney']) expect(lines.join('')).not.toContain(word);
    const states = lines
      .flatMap((line) => (JSON.parse(line) as { state?: string }).state ?? [])
      .toSorted((a, b) => a.localeCompare(b));
    expect(states).toEqual([
      'complete',
      'complete',
      'complete',
      'complete',
      'complete',
      'failed',
      'interrupted',
      'refused',
      'refused',
    ]);
  });

  test('only operators may look', async () => {
    const status = async (bearer?: string) =>
      (await harness.app.request('/metrics', { headers: bearer ? { authorization: `Bearer ${bearer}` } : {} })).status;
    expect([await status(), await status(key), await status(rootKey)]).toEqual([401, 403, 200]);
  });

  test('OpenMetrics when it is asked for', async () => {
    const response = await scrape('application/openmetrics-text; version=1.0.0');
    expect(response.headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
    expect(await response.text()).toMatch(/# TYPE ratchet_calls counter\n[^]*# EOF\n$/);
  });
});

test('a stream whose record cannot be finished is served and not recorded', async () => {
  const seen = createMetrics({
    version: '9.9.9',
    store: 'sqlite',
    writes: () => ({ commits: 0, syncs: 0 }),
    figures: async () => ({ cycles: {}, openCompletions: 0, gpuLeases: [] }),
    disk: async () => ({ free: 1, size: 1 }),
  });
  const full = new RatchetError('DiskFull', 'The disk is full: free some space.');
  const failing = await openHarness({
    providers: [wireProvider(wire.url)],
    wrapChats: (chats) => ({ ...chats, finish: () => Promise.reject(full) }),
    gateway: { observer: createObserver({ metrics: seen.calls, tracer: null, log: pino({ level: 'silent' }) }) },
  });
  wire.answerWith(streamOf([delta({ role: 'assistant', content: answer }), finish('stop')]));
  const asked = { model: 'wire/tiny', stream: true, messages: [{ role: 'user', content: secret }] };
  await (await failing.chat(asked)).text();
  await failing.gateway.settled();
  const found = parseExposition((await seen.render()).text);
  expect(sampleValue(found, 'ratchet_answers_served_total', { record: 'all' })).toBe(1);
  expect(sampleValue(found, 'ratchet_answers_recorded_total', { record: 'all' })).toBe(0);
  const error = { kind: 'chat', provider: 'wire', code: 'DiskFull' };
  expect(sampleValue(found, 'ratchet_call_errors_total', error)).toBe(1);
  await failing.close();
});

describe('dashboard and alerts', () => {
  const file = (path: string) => readFileSync(join(packageRoot, path), 'utf8');
  const dashboard = JSON.parse(file('deploy/grafana/ratchet.json')) as {
    panels: { type: string; title: string; targets?: { expr: string }[] }[];
  };
  const shown = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const { groups } = parse(file('deploy/prometheus/alerts.yml')) as {
    groups: { rules: { alert: string; expr: string; annotations: { summary?: string; action?: string } }[] }[];
  };
  const alerts = groups.flatMap(({ rules }) => rules);

  test('ask only for metrics and labels that there are', async () => {
    const found = await read();
    const known = new Map<string, Set<string>>([['up', new Set(['job', 'instance'])]]);
    for (const { samples } of found.values()) {
      for (const { name, labels } of samples) {
        known.set(name, new Set([...(known.get(name) ?? ['job', 'instance']), ...Object.keys(labels)]));
      }
    }
    const expressions = [...shown, ...alerts.map(({ expr }) => expr)];
    expect(expressions.length).toBeGreaterThan(40);
    for (const expr of expressions) {
      const asked = [...expr.matchAll(/\b((?:ratchet|process|nodejs)_\w+|up)\b(?:\{([^}]*)\})?/g)];
      expect(asked.length, expr).toBeGreaterThan(0);
      for (const [, name = '', matchers = ''] of asked) {
        expect([...known.keys()], expr).toContain(name);
        const labels = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label);
        expect([...(known.get(name) ?? [])], `${name} in ${expr}`).toEqual(expect.arrayContaining(labels));
      }
    }
  });

  test('show every metric of calls', async () => {
    const ours = [...(await read()).keys()].filter((name) => name.startsWith('ratchet_'));
    const used = [...shown, ...alerts.map(({ expr }) => expr)].join('\n');
    expect(ours.filter((name) => !used.includes(name))).toEqual(['ratchet_build_info']);
  });

  test('every alert says what it is and what to do', () => {
    expect(alerts.length).toBeGreaterThan(10);
    for (const { alert, annotations } of alerts) {
      expect(annotations.summary, alert).toBeTruthy();
      expect(annotations.action, alert).toBeTruthy();
    }
  });

  test('docs/observability.md lists every metric, and no other', async () => {
    const listed = new Set(
      [...file('docs/observability.md').matchAll(/^\| `(ratchet_\w+)`/gm)].map(([, name]) => name),
    );
    const ours = [...(await read()).keys()].filter((name) => name.startsWith('ratchet_'));
    expect(listed).toEqual(new Set(ours));
  });

  const promtool = findExecutable('promtool', searchPath());
  test.skipIf(promtool === null)(
    'promtool finds the rules right, silent when all is well, loud when not (it is part of Prometheus)',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'ratchet-alerts-'));
      await copyFile(join(packageRoot, 'deploy/prometheus/alerts.yml'), join(folder, 'alerts.yml'));
      await copyFile(join(packageRoot, 'test/fixtures/alerts.test.yml'), join(folder, 'alerts.test.yml'));
      const config = join(packageRoot, 'deploy/prometheus/prometheus.yml');
      for (const args of [
        ['check', 'rules', 'alerts.yml'],
        ['test', 'rules', 'alerts.test.yml'],
        ['check', 'config', '--syntax-only', config],
      ]) {
        const { code, tail, stdout } = await runProcess({
          command: promtool ?? '',
          args,
          cwd: folder,
          env: childEnvironment(),
          timeoutMs: 60_000,
        });
        expect({ code, said: code === 0 ? '' : stdout + tail }).toEqual({ code: 0, said: '' });
      }
      await rm(folder, { recursive: true });
    },
  );
});
