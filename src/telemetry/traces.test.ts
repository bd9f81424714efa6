import { afterEach, expect, test, vi } from 'vitest';
import { type OtlpSpan, attributesOf, startOtlpReceiver } from '../../test/fixtures/otlp-receiver.ts';
import type { CallFacts } from '../gateway/ports.ts';
import { callFacts, refusedFacts } from './fixtures/facts.ts';
import { loadTracer } from './tracer.ts';

const server = 2;
const client = 3;
const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const closers: (() => unknown)[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const close of closers.splice(0)) await close();
});

test('a call is a server span, its inference a client span that providers continue, its commit a third', async () => {
  const { trace, received } = await traced();
  const sent = await trace(callFacts(), `00-${parent.traceId}-${parent.spanId}-01`);
  const { spans, resource } = await received();
  const [call, inference, commit] = ['POST /v1/chat/completions', 'chat gpt-4o-mini', 'commit'].map((name) =>
    named(spans, name),
  );
  expect(spans).toHaveLength(3);
  expect(call).toMatchObject({ traceId: parent.traceId, parentSpanId: parent.spanId, kind: server });
  expect(inference).toMatchObject({ traceId: parent.traceId, parentSpanId: call?.spanId, kind: client });
  expect(commit).toMatchObject({ traceId: parent.traceId, parentSpanId: call?.spanId });
  expect(sent).toEqual({ traceparent: `00-${parent.traceId}-${inference?.spanId}-01` });
  expect(attributesOf(inference)).toEqual({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-4o-mini',
    'gen_ai.request.stream': true,
    'gen_ai.response.id': 'chatcmpl-1',
    'gen_ai.response.model': 'gpt-4o-mini',
    'gen_ai.response.time_to_first_chunk': 0.2,
    'gen_ai.usage.input_tokens': 100,
    'gen_ai.usage.output_tokens': 51,
    'ratchet.cost_usd': 0.0000456,
  });
  expect(attributesOf(call)).toMatchObject({
    'http.request.method': 'POST',
    'http.route': '/v1/chat/completions',
    'http.response.status_code': 200,
    'ratchet.completion_id': 'chatcmpl-1',
    'ratchet.model_asked': 'active',
    'ratchet.state': 'complete',
  });
  expect(attributesOf({ attributes: resource })).toMatchObject({
    'service.name': 'ratchet',
    'service.version': '1.2.3',
  });
  expect(endMs(commit) - startMs(commit)).toBeCloseTo(1, 2);
  expect(endMs(inference)).toBeCloseTo(startMs(commit), 2);
});

test('models that failed before are spans under the inference, one after the other', async () => {
  const { trace, received } = await traced();
  const attempts = [
    { provider: 'ollama', model: 'small', code: 'ProviderUnavailable', durationMs: 30 },
    { provider: 'wire', model: 'big', code: 'RateLimited', durationMs: 12 },
  ] as const;
  await trace(callFacts({ attempts }));
  const { spans } = await received();
  const [first, second] = ['chat small', 'chat big'].map((name) => named(spans, name));
  const inference = named(spans, 'chat gpt-4o-mini');
  for (const span of [first, second]) {
    expect(span).toMatchObject({ parentSpanId: inference?.spanId, kind: client, status: { code: 2 } });
  }
  expect(attributesOf(first)).toMatchObject({ 'gen_ai.provider.name': 'ollama', 'error.type': 'ProviderUnavailable' });
  expect(endMs(first) - startMs(first)).toBeCloseTo(30, 2);
  expect(startMs(second)).toBeCloseTo(endMs(first), 2);
  expect(attributesOf(named(spans, 'POST /v1/chat/completions'))['ratchet.fallbacks']).toBe(2);
});

test('a refused call asked nobody and committed nothing; a failed one is an error', async () => {
  const { trace, received } = await traced();
  await trace(refusedFacts());
  await trace(
    callFacts({ kind: 'embeddings', state: 'failed', code: 'ProviderUnavailable', status: 502, commitMs: null }),
  );
  const { spans } = await received();
  expect(spans.map(({ name }) => name).toSorted((a, b) => a.localeCompare(b))).toEqual([
    'embeddings gpt-4o-mini',
    'POST /v1/chat/completions',
    'POST /v1/embeddings',
  ]);
  const refused = named(spans, 'POST /v1/chat/completions');
  expect(attributesOf(refused)).toMatchObject({ 'error.type': 'RateLimited', 'http.response.status_code': 429 });
  expect(refused?.status.code ?? 0).toBe(0);
  expect(named(spans, 'POST /v1/embeddings')?.status.code).toBe(2);
});

test('the standard variables are obeyed: name, attributes, headers, endpoint of traces, sampler', async () => {
  const { trace, received } = await traced({
    OTEL_SERVICE_NAME: 'gateway-3',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=blue',
    OTEL_TRACES_SAMPLER: 'parentbased_always_off',
  });
  const unsampled = await trace(callFacts());
  expect(unsampled['traceparent']).toMatch(/-00$/);
  await trace(callFacts(), `00-${parent.traceId}-${parent.spanId}-01`);
  const { spans, resource, headers, path } = await received();
  expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([parent.traceId]));
  expect(attributesOf({ attributes: resource })).toMatchObject({
    'service.name': 'gateway-3',
    'deployment.environment.name': 'test',
  });
  expect(headers['x-tenant']).toBe('blue');
  expect(path).toBe('/v1/traces');
});

test('a traceparent that is none begins a trace of its own', async () => {
  const { trace, received } = await traced();
  for (const wrong of [
    'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    'x',
  ]) {
    await trace(refusedFacts(), wrong);
  }
  const { spans } = await received();
  expect(spans).toHaveLength(3);
  for (const span of spans) expect(span.parentSpanId ?? '').toBe('');
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(3);
});

test('a receiver that is gone holds up the end for seconds at most, and is told', async () => {
  const { url, close } = await startOtlpReceiver();
  close();
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', url);
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '300');
  const told: string[] = [];
  const tracer = await loadTracer({ version: '1.2.3', log: { warn: (_facts, message) => void told.push(message) } });
  tracer.start({ requestId: '1', traceparent: undefined }).end(callFacts());
  await tracer.close();
  await vi.waitFor(() => expect(told).toContain('traces could not be sent'), { timeout: 20_000 });
});

async function traced(variables: Record<string, string> = {}) {
  const receiver = await startOtlpReceiver();
  closers.push(receiver.close);
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', receiver.url);
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  const tracer = await loadTracer({ version: '1.2.3', log: { warn: (facts) => expect.fail(JSON.stringify(facts)) } });
  return {
    async trace(facts: CallFacts, traceparent?: string) {
      const begun = tracer.start({ requestId: facts.requestId, traceparent });
      begun.end(facts);
      return begun.upstreamHeaders;
    },
    /** What has come when the tracer is closed. */
    async received() {
      await tracer.close();
      return receiver;
    },
  };
}

function named(spans: readonly OtlpSpan[], name: string): OtlpSpan | undefined {
  return spans.find((span) => span.name === name);
}

function startMs(span: OtlpSpan | undefined): number {
  return Number(span?.startTimeUnixNano) / 1e6;
}

function endMs(span: OtlpSpan | undefined): number {
  return Number(span?.endTimeUnixNano) / 1e6;
}
