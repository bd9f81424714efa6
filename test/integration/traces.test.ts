import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import { parseSettings } from '../../src/core/settings.ts';
import { createPolicy } from '../../src/gateway/policy.ts';
import { createResolver } from '../../src/gateway/resolve.ts';
import { createRegistry } from '../../src/providers/registry.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createObserver } from '../../src/telemetry/observer.ts';
import { loadTracer } from '../../src/telemetry/tracer.ts';
import { parseExposition, sampleValue } from '../fixtures/exposition.ts';
import { type Harness, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type OtlpReceiver, type OtlpSpan, attributesOf, startOtlpReceiver } from '../fixtures/otlp-receiver.ts';
import { startRealApi } from '../fixtures/real-api.ts';
import { type WireServer, delta, fails, finish, startWireServer, streamOf, whole } from '../fixtures/wire-server.ts';

const secret = 'The duchess hides her pearls in the piano.';
const answer = 'I would rather use the chimney of the east wing.';
const apiKey = 'a-root-key-of-enough-letters';
const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };

describe('calls through the gateway', () => {
  let wire: WireServer;
  let broken: WireServer;
  let receiver: OtlpReceiver;
  let harness: Harness;
  let plain: string | null;

  beforeAll(async () => {
    wire = await startWireServer(['tiny']);
    broken = await startWireServer(['tiny'], fails(500, { error: { message: 'no' } }));
    receiver = await startOtlpReceiver();
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.url);
    const tracer = await loadTracer({ version: '9.9.9', log: { warn: (facts) => expect.fail(JSON.stringify(facts)) } });
    await open(tracer);
    await callAll();
    await harness.gateway.settled();
    await tracer.close();
  });

  afterAll(async () => {
    vi.unstubAllEnvs();
    await harness.close();
    receiver.close();
    await Promise.all([wire.close(), broken.close()]);
  });

  async function open(tracer: Parameters<typeof createObserver>[0]['tracer']): Promise<void> {
    const providers = [wireProvider(wire.url), wireProvider(broken.url, 'broken')];
    const resolver = createResolver({ registry: createRegistry(providers), selection: () => null });
    const route = { model: 'broken/tiny', fallback: ['wire/tiny'], egress: 'allow' };
    const settings = parseSettings(JSON.stringify({ routes: { safe: route } }), 'ratchet.json');
    const { calls } = createMetrics({
      version: '9.9.9',
      store: 'sqlite',
      writes: () => ({ commits: 0, syncs: 0 }),
      figures: async () => ({ cycles: {}, openCompletions: 0, gpuLeases: [] }),
      disk: async () => ({ free: 1, size: 1 }),
    });
    harness = await openHarness({
      providers,
      apiKey,
      gateway: {
        resolver,
        policy: createPolicy({ settings: () => settings, resolver }),
        observer: createObserver({
          metrics: calls,
          tracer,
          log: { info: () => undefined, warn: (facts) => expect.fail(JSON.stringify(facts)) },
        }),
      },
    });
  }

  /** A stream with a parent, one through a fallback, and one that is refused. */
  async function callAll(): Promise<void> {
    const usage = { prompt_tokens: 11, completion_tokens: 5, total_tokens: 16 };
    const chunks = [
      delta({ role: 'assistant', content: answer }),
      finish('stop'),
      { ...delta({}), choices: [], usage },
    ];
    wire.answerWith(streamOf(chunks));
    await chat({ stream: true }, { traceparent: `00-${parent.traceId}-${parent.spanId}-01` });
    plain = wire.requests.at(-1)?.headers['traceparent']?.toString() ?? null;
    wire.answerWith(whole(answer));
    await chat({ model: 'safe' });
    await chat({ model: 'nobody/tiny' });
  }

  async function chat(body: object, headers: Record<string, string> = {}): Promise<void> {
    const asked = { model: 'wire/tiny', messages: [{ role: 'user', content: secret }], ...body };
    await (await harness.chat(asked, { headers: { authorization: `Bearer ${apiKey}`, ...headers } })).text();
  }

  const spansOf = (pick: (span: OtlpSpan) => boolean) => receiver.spans.filter(pick);

  test("a stream continues the client's trace, and its provider continues ours", () => {
    const spans = spansOf(({ traceId }) => traceId === parent.traceId);
    const [call, inference, commit] = ['POST /v1/chat/completions', 'chat tiny', 'commit'].map((name) =>
      spans.find((span) => span.name === name),
    );
    expect(spans).toHaveLength(3);
    expect(call?.parentSpanId).toBe(parent.spanId);
    expect([inference?.parentSpanId, commit?.parentSpanId]).toEqual([call?.spanId, call?.spanId]);
    expect(plain).toBe(`00-${parent.traceId}-${inference?.spanId}-01`);
    expect(attributesOf(inference)).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'wire',
      'gen_ai.request.model': 'tiny',
      'gen_ai.usage.input_tokens': 11,
      'gen_ai.usage.output_tokens': 5,
    });
    expect(attributesOf(call)).toMatchObject({ 'http.response.status_code': 200, 'ratchet.state': 'complete' });
  });

  test('a fallback shows who failed, under who answered', () => {
    const [failed] = spansOf((span) => attributesOf(span)['gen_ai.provider.name'] === 'broken');
    const [answered] = spansOf(({ spanId }) => spanId === failed?.parentSpanId);
    expect(attributesOf(failed)).toMatchObject({ 'error.type': 'ProviderUnavailable', 'gen_ai.request.model': 'tiny' });
    expect(attributesOf(answered)).toMatchObject({ 'gen_ai.provider.name': 'wire', 'gen_ai.response.model': 'tiny' });
    expect(Number(failed?.endTimeUnixNano)).toBeGreaterThan(Number(failed?.startTimeUnixNano));
  });

  test('a call that was refused is one span that says so', () => {
    const [refused] = spansOf((span) => attributesOf(span)['http.response.status_code'] === 404);
    expect(attributesOf(refused)).toMatchObject({ 'error.type': 'NotFound', 'ratchet.state': 'refused' });
    expect(spansOf(({ parentSpanId }) => parentSpanId === refused?.spanId)).toEqual([]);
  });

  test('no word of a chat and no key is sent', () => {
    const sent = receiver.texts.join('');
    expect(sent).toContain('gen_ai.request.model');
    for (const word of [secret, answer, 'duchess', 'chimney', apiKey]) expect(sent).not.toContain(word);
  });
});

test('ratchet api takes the settings from .env, and sends what is left when it ends; its log has facts only', async () => {
  const wire = await startWireServer(['tiny'], whole(answer));
  const receiver = await startOtlpReceiver();
  const home = await mkdtemp(join(tmpdir(), 'ratchet-traces-'));
  const settings = [`OTEL_EXPORTER_OTLP_ENDPOINT=${receiver.url}`, 'OTEL_EXPORTER_OTLP_HEADERS=x-tenant=blue'];
  // Longer than the test: only the end of the process can send them.
  settings.push('OTEL_SERVICE_NAME=gateway-3', 'OTEL_BSP_SCHEDULE_DELAY=600000');
  await writeFile(join(home, '.env'), `${settings.join('\n')}\n`);
  const providerKey = 'sk-a-key-of-the-provider';
  const env = { RATCHET_API_KEY: apiKey, OPENAI_BASE_URL: wire.url, OPENAI_API_KEY: providerKey };
  const api = await startRealApi(home, env);
  const ask = (model: string, key = apiKey) =>
    fetch(`${api.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: secret }] }),
    });
  expect((await ask('openai/tiny')).status).toBe(200);
  wire.answerWith(fails(500, { error: { message: `${answer} ${providerKey}` } }));
  expect((await ask('openai/tiny')).status).toBe(502);
  expect((await ask('openai/tiny', 'a-wrong-key-of-enough-letters')).status).toBe(401);
  const metrics = await fetch(`${api.url}/metrics`, { headers: { authorization: `Bearer ${apiKey}` } });
  const found = parseExposition(await metrics.text());
  expect(sampleValue(found, 'ratchet_unauthorized_total', { reason: 'key' })).toBe(1);
  expect(sampleValue(found, 'ratchet_answers_recorded_total', { record: 'all' })).toBe(1);
  expect(sampleValue(found, 'ratchet_build_info', { version: '0.1.0', node: process.version, store: 'sqlite' })).toBe(
    1,
  );
  expect(receiver.spans).toEqual([]);
  await api.stop();
  const names = receiver.spans.map(({ name }) => name).toSorted((a, b) => a.localeCompare(b));
  // The one that failed was tried twice more.
  expect(names).toEqual([
    'chat tiny',
    'chat tiny',
    'chat tiny',
    'chat tiny',
    'commit',
    'commit',
    ...Array(2).fill('POST /v1/chat/completions'),
  ]);
  expect(attributesOf({ attributes: receiver.resource })['service.name']).toBe('gateway-3');
  expect(receiver.headers['x-tenant']).toBe('blue');
  const log = await readFile(join(api.dataDir, 'logs', 'api.log'), 'utf8');
  const calls = log.split('\n').filter((line) => line.includes('"msg":"call"'));
  expect(calls.map((line) => (JSON.parse(line) as { state: string }).state)).toEqual(['complete', 'failed']);
  expect(receiver.spans.map(({ traceId }) => traceId)).toContain(
    (JSON.parse(calls[0] ?? '') as { trace_id: string }).trace_id,
  );
  for (const word of [secret, answer, 'duchess', 'chimney', apiKey, providerKey]) {
    expect(log).not.toContain(word);
    expect(receiver.texts.join('')).not.toContain(word);
  }
  receiver.close();
  await wire.close();
  await rm(home, { recursive: true });
});

test('nothing of OpenTelemetry is loaded before traces are wanted', async () => {
  const loaded = async (then: string) => {
    const script = `
      import { createRequire } from 'node:module';
      await import('./src/cli/api.ts');
      ${then}
      const files = Object.keys(createRequire(import.meta.url).cache);
      console.log(files.some((file) => /@opentelemetry.(sdk|exporter|resources)/.test(file)));`;
    const args = ['--input-type=module-typescript', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: packageRoot, env: childEnvironment() });
    return stdout.trim();
  };
  expect(await loaded('')).toBe('false');
  const load =
    "const { loadTracer } = await import('./src/telemetry/tracer.ts'); await loadTracer({ version: '1', log: console });";
  expect(await loaded(load)).toBe('true');
});
