import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createCallMetrics } from './call-metrics.ts';
import { callFacts, refusedFacts } from './fixtures/facts.ts';
import { createLog } from './log.ts';
import { createObserver } from './observer.ts';

function observed() {
  const lines: string[] = [];
  const registry = new Registry();
  const metrics = createCallMetrics(registry);
  const log = createLog({ level: 'info', name: 'api', to: { write: (line) => void lines.push(line) } });
  return { observer: createObserver({ metrics, tracer: null, log }), lines, registry };
}

const call = { requestId: callFacts().requestId, traceparent: undefined };

test('a call leaves one line of facts', () => {
  const { observer, lines } = observed();
  observer
    .start(call)
    .end(callFacts({ attempts: [{ provider: 'ollama', model: 'small', code: 'ProviderUnavailable' }] }));
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 30,
    name: 'api',
    msg: 'call',
    request: call.requestId,
    completion: 'chatcmpl-1',
    kind: 'chat',
    owner: 'alice',
    key: 'key1',
    team: 'blue',
    provider: 'openai',
    model: 'gpt-4o-mini',
    failed: ['ollama/small: ProviderUnavailable'],
    state: 'complete',
    status: 200,
    prompt_tokens: 100,
    completion_tokens: 51,
    cost_usd: 0.0000456,
    first_token_ms: 200,
    ms: 1201,
    commit_ms: 1,
  });
});

test('a refused call leaves a line too', () => {
  const { observer, lines } = observed();
  observer.start(call).end(refusedFacts());
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ state: 'refused', code: 'RateLimited', provider: null });
});

test('a call that is ended twice counts once', async () => {
  const { observer, lines, registry } = observed();
  const observation = observer.start(call);
  observation.end(callFacts());
  observation.end(callFacts({ state: 'failed' }));
  expect(lines).toHaveLength(1);
  const [inFlight] = (await registry.getSingleMetric('ratchet_calls_in_flight')?.get())?.values ?? [];
  expect(inFlight?.value).toBe(0);
});

test('figures that cannot be counted cost no call its end', () => {
  const { observer, lines } = observed();
  observer.start(call).end(callFacts({ promptTokens: -5, durationMs: Number.NaN }));
  expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'a call could not be observed',
    'call',
  ]);
});

test('a key that got into a line all the same is taken out', () => {
  const { observer, lines } = observed();
  const keys = ['rk_ab12_SGVsbG8gd29ybGQgdGhpcyBpcyBhIGtleQ', 'sk-proj-abcdefgh12345678', 'Bearer abc.def-ghi~jkl='];
  for (const key of keys) observer.start(call).end(callFacts({ asked: `model ${key} end` }));
  expect(lines).toHaveLength(3);
  for (const [index, line] of lines.entries()) {
    expect(line).not.toContain(keys[index]);
    expect((JSON.parse(line) as { asked: string }).asked).toBe('model [key] end');
  }
});

test('without traces of our own those of others are handed on, and nothing that is none', () => {
  const { observer } = observed();
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  expect(observer.start({ ...call, traceparent }).upstreamHeaders).toEqual({ traceparent });
  for (const wrong of [undefined, '', 'hello', `${traceparent}\r\nx: y`]) {
    expect(observer.start({ ...call, traceparent: wrong }).upstreamHeaders).toEqual({});
  }
});
