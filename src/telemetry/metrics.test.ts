import { describe, expect, test } from 'vitest';
import { parseExposition, sampleValue } from '../../test/fixtures/exposition.ts';
import type { CallFacts } from '../gateway/ports.ts';
import { callFacts, refusedFacts } from './fixtures/facts.ts';
import { type MetricsOptions, createMetrics } from './metrics.ts';

const who = { provider: 'openai', model: 'gpt-4o-mini' };

function openMetrics(change: Partial<MetricsOptions> = {}) {
  const metrics = createMetrics({
    version: '1.2.3',
    store: 'sqlite',
    writes: () => ({ commits: 7, syncs: 3 }),
    figures: async () => ({
      cycles: { running: 1, needs_attention: 2 },
      openCompletions: 4,
      gpuLeases: [{ host: 'box', device: 'gpu' }],
    }),
    disk: async () => ({ free: 10, size: 100 }),
    ...change,
  });
  const read = async () => parseExposition((await metrics.render()).text);
  return { ...metrics, read };
}

function run({ calls }: ReturnType<typeof openMetrics>, ...list: CallFacts[]): void {
  for (const facts of list) {
    calls.start();
    calls.end(facts);
  }
}

describe('calls', () => {
  test('one that went well counts once in everything that it has a figure for', async () => {
    const metrics = openMetrics();
    run(metrics, callFacts());
    const found = await metrics.read();
    const value = (name: string, labels?: Record<string, string>) => sampleValue(found, name, labels);
    expect(value('ratchet_calls_total', { kind: 'chat', ...who, state: 'complete' })).toBe(1);
    expect(value('ratchet_tokens_total', { ...who, type: 'input' })).toBe(100);
    expect(value('ratchet_tokens_total', { ...who, type: 'output' })).toBe(51);
    expect(value('ratchet_cost_usd_total', who)).toBeCloseTo(0.0000456, 12);
    expect(value('ratchet_time_to_first_token_seconds_sum', who)).toBeCloseTo(0.2, 9);
    expect(value('ratchet_call_duration_seconds_sum', { kind: 'chat', ...who })).toBeCloseTo(1.201, 9);
    expect(value('ratchet_commit_wait_seconds_bucket', { le: '0.001' })).toBe(1);
    expect(value('ratchet_commit_wait_seconds_bucket', { le: '0.0005' })).toBe(0);
    // 50 tokens came in the second between the first piece and the commit.
    expect(value('ratchet_output_tokens_per_second_sum', who)).toBeCloseTo(50, 6);
    expect(value('ratchet_answers_served_total', { record: 'all' })).toBe(1);
    expect(value('ratchet_answers_recorded_total', { record: 'all' })).toBe(1);
    expect(value('ratchet_records_total', { record: 'all', state: 'complete' })).toBe(1);
    expect(value('ratchet_calls_in_flight')).toBe(0);
    expect(found.get('ratchet_call_errors_total')?.samples).toEqual([]);
  });

  test('one that was refused counts as that, and asks no time or token of anybody', async () => {
    const metrics = openMetrics();
    run(metrics, refusedFacts(), refusedFacts({ code: 'BudgetSpent' }), refusedFacts());
    const found = await metrics.read();
    expect(sampleValue(found, 'ratchet_call_refusals_total', { kind: 'chat', code: 'RateLimited' })).toBe(2);
    expect(sampleValue(found, 'ratchet_call_refusals_total', { kind: 'chat', code: 'BudgetSpent' })).toBe(1);
    const labels = { kind: 'chat', provider: 'none', model: 'none', state: 'refused' };
    expect(sampleValue(found, 'ratchet_calls_total', labels)).toBe(3);
    expect(sampleValue(found, 'ratchet_answers_served_total', { record: 'all' })).toBe(0);
    for (const name of ['ratchet_call_duration_seconds', 'ratchet_tokens_total']) {
      expect(found.get(name)?.samples, name).toEqual([]);
    }
  });

  test('fallbacks count under who failed', async () => {
    const metrics = openMetrics();
    const failed = { provider: 'ollama', model: 'small', code: 'ProviderUnavailable' } as const;
    run(metrics, callFacts({ provider: 'ollama', model: 'small' }), callFacts({ attempts: [failed, failed] }));
    const found = await metrics.read();
    expect(sampleValue(found, 'ratchet_fallbacks_total', failed)).toBe(2);
  });

  test('an answer that a client got some of and that is not recorded shows as a difference', async () => {
    const metrics = openMetrics();
    const lost = { state: 'failed', code: 'StoreUnavailable', commitMs: null } as const;
    run(metrics, callFacts(), callFacts(lost), callFacts({ ...lost, firstTokenMs: null }));
    const found = await metrics.read();
    expect(sampleValue(found, 'ratchet_answers_served_total', { record: 'all' })).toBe(2);
    expect(sampleValue(found, 'ratchet_answers_recorded_total', { record: 'all' })).toBe(1);
    const error = { kind: 'chat', provider: 'openai', code: 'StoreUnavailable' };
    expect(sampleValue(found, 'ratchet_call_errors_total', error)).toBe(2);
  });

  test('a call is in flight from its start to its end', async () => {
    const metrics = openMetrics();
    for (let n = 0; n < 3; n += 1) metrics.calls.start();
    metrics.calls.end(callFacts());
    expect(sampleValue(await metrics.read(), 'ratchet_calls_in_flight')).toBe(2);
  });
});

test('who is turned away at the door counts under why', async () => {
  const metrics = openMetrics();
  metrics.unauthorized('key');
  const found = await metrics.read();
  expect(sampleValue(found, 'ratchet_unauthorized_total', { reason: 'key' })).toBe(1);
  expect(sampleValue(found, 'ratchet_unauthorized_total', { reason: 'sender' })).toBe(0);
});

test('what alerts watch is there before the first call', async () => {
  const found = await openMetrics().read();
  for (const code of ['RateLimited', 'BudgetSpent']) {
    expect(sampleValue(found, 'ratchet_call_refusals_total', { kind: 'embeddings', code })).toBe(0);
  }
  for (const name of ['ratchet_answers_served_total', 'ratchet_answers_recorded_total']) {
    expect(sampleValue(found, name, { record: 'meta' })).toBe(0);
  }
});

describe('labels are bounded', () => {
  test('a model that never answered is not a label', async () => {
    const metrics = openMetrics();
    const invented = { state: 'failed', code: 'NotFound', firstTokenMs: null, commitMs: null } as const;
    run(metrics, callFacts({ ...invented, model: 'my-secret-sentence' }));
    expect((await metrics.render()).text).not.toContain('my-secret-sentence');
    const labels = { kind: 'chat', provider: 'openai', model: 'other', state: 'failed' };
    expect(sampleValue(await metrics.read(), 'ratchet_calls_total', labels)).toBe(1);
  });

  test('two hundred models are labels, the rest are other', async () => {
    const metrics = openMetrics();
    run(metrics, ...Array.from({ length: 250 }, (_, n) => callFacts({ model: `model-${n}` })));
    const models = new Set(
      (await metrics.read()).get('ratchet_calls_total')?.samples.map(({ labels }) => labels['model']),
    );
    expect(models.size).toBe(201);
    expect(models).toContain('other');
  });

  test('nobody is named: no owner, key, team or id', async () => {
    const metrics = openMetrics();
    run(metrics, callFacts(), refusedFacts());
    const { text } = await metrics.render();
    for (const word of ['alice', 'key1', 'blue', 'chatcmpl-1', callFacts().requestId]) expect(text).not.toContain(word);
  });

  test('a model with a strange name does not break the format', async () => {
    const metrics = openMetrics();
    const model = 'a "quoted\\" name\nof two lines, {with} all=of it';
    run(metrics, callFacts({ model }));
    const labels = { kind: 'chat', provider: 'openai', model, state: 'complete' };
    expect(sampleValue(await metrics.read(), 'ratchet_calls_total', labels)).toBe(1);
  });
});

describe('what is read from elsewhere', () => {
  test('the store, the disk and the build are there', async () => {
    const found = await openMetrics({ freed: () => [{ provider: 'ollama', count: 2 }] }).read();
    const value = (name: string, labels?: Record<string, string>) => sampleValue(found, name, labels);
    expect(value('ratchet_models_freed_total', { provider: 'ollama' })).toBe(2);
    expect(value('ratchet_build_info', { version: '1.2.3', node: process.version, store: 'sqlite' })).toBe(1);
    expect(value('ratchet_store_commits_total')).toBe(7);
    expect(value('ratchet_store_syncs_total')).toBe(3);
    expect(value('ratchet_store_up')).toBe(1);
    expect(value('ratchet_open_completions')).toBe(4);
    expect(value('ratchet_cycles', { state: 'needs_attention' })).toBe(2);
    expect(value('ratchet_gpu_leased', { host: 'box', device: 'gpu' })).toBe(1);
    expect(value('ratchet_disk_free_bytes')).toBe(10);
    expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e6);
  });

  test('a database that does not answer is told, and takes nothing else with it', async () => {
    const broken = async () => Promise.reject(new Error('gone'));
    const metrics = openMetrics({ figures: broken, disk: broken });
    run(metrics, callFacts());
    const found = await metrics.read();
    expect(sampleValue(found, 'ratchet_store_up')).toBe(0);
    expect(found.has('ratchet_open_completions')).toBe(false);
    expect(found.has('ratchet_disk_free_bytes')).toBe(false);
    expect(sampleValue(found, 'ratchet_answers_served_total', { record: 'all' })).toBe(1);
  });

  test('a database that hangs holds up nobody who looks', async () => {
    const metrics = openMetrics({ figures: () => new Promise(() => undefined), limitMs: 20 });
    const found = await metrics.read();
    expect(sampleValue(found, 'ratchet_store_up')).toBe(0);
    expect(sampleValue(found, 'ratchet_disk_free_bytes')).toBe(10);
  });

  test('the database is asked once for many looks, and again later', async () => {
    let asked = 0;
    const figures = async () => ({ cycles: {}, openCompletions: (asked += 1), gpuLeases: [] });
    const kept = openMetrics({ figures });
    await Promise.all([kept.read(), kept.read()]);
    expect(sampleValue(await kept.read(), 'ratchet_open_completions')).toBe(1);
    const fresh = openMetrics({ figures, keepMs: 0 });
    await fresh.read();
    expect(sampleValue(await fresh.read(), 'ratchet_open_completions')).toBe(3);
  });
});

describe('formats', () => {
  test('Prometheus text unless OpenMetrics is asked for, time and again', async () => {
    const metrics = openMetrics();
    run(metrics, callFacts());
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5';
    for (let n = 0; n < 2; n += 1) {
      const plain = await metrics.render('text/plain');
      expect(plain.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
      expect(plain.text).toContain('# TYPE ratchet_calls_total counter\nratchet_calls_total{');
      const open = await metrics.render(accept);
      expect(open.contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
      expect(open.text).toContain('# TYPE ratchet_calls counter\nratchet_calls_total{');
      expect(open.text).toMatch(/\n# EOF\n$/);
      expect(open.text).not.toContain('\n\n');
    }
  });
});
