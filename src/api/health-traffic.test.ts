import { expect, test, vi } from 'vitest';
import type { ErrorCode } from '../core/errors.ts';
import type { CallFacts } from '../gateway/ports.ts';
import { createTraffic } from './health-traffic.ts';

function open() {
  let now = 1_000;
  const [called, failed, end, broken] = [vi.fn(), vi.fn(), vi.fn(), vi.fn()];
  const traffic = createTraffic({ called, failed, now: () => now });
  const inner = { start: () => ({ upstreamHeaders: { traceparent: 'x' }, end }), broken };
  const observer = traffic.watch(inner);
  const call = (facts: Partial<CallFacts>): void => {
    const observation = observer.start({ requestId: '1', traceparent: undefined });
    expect(observation.upstreamHeaders).toEqual({ traceparent: 'x' });
    observation.end({
      provider: 'box',
      model: 'a',
      attempts: [],
      code: null,
      state: 'complete',
      ...facts,
    } as CallFacts);
  };
  return { traffic, called, failed, end, observer, broken, call, pass: (ms: number) => (now += ms) };
}

test('failures in a row are counted until it answers, and everybody else still sees the call', () => {
  const { traffic, call, called, end, observer, broken } = open();
  call({ state: 'failed', code: 'OutOfMemory' });
  call({ state: 'failed', code: 'RateLimited' });
  expect(traffic.of('box', 'a')).toEqual({ failures: 2, code: 'RateLimited', failedAt: 1_000, answeredAt: null });
  call({});
  expect(traffic.of('box', 'a')).toMatchObject({ failures: 0, answeredAt: 1_000 });
  expect(called).toHaveBeenCalledTimes(3);
  expect(end).toHaveBeenCalledTimes(3);
  expect(observer).toHaveProperty('broken', broken);
});

test.each<ErrorCode>(['ProviderRejected', 'InvalidInput', 'NotFound', 'Cancelled', 'StoreUnavailable'])(
  '%s says nothing of the provider',
  (code) => {
    const { traffic, call } = open();
    call({ state: 'failed', code });
    expect(traffic.of('box', 'a')).toBeNull();
  },
);

test('models that another answered for have failed; those that were not asked have not', () => {
  const { traffic, call, failed } = open();
  const attempts = [
    { provider: 'near', model: 'b', code: 'ProviderUnavailable' as const },
    { provider: 'far', model: 'c', code: 'RateLimited' as const, unasked: true as const },
  ];
  call({ attempts });
  expect(traffic.of('near', 'b')).toMatchObject({ failures: 1 });
  expect(traffic.of('far', 'c')).toBeNull();
  expect(failed.mock.calls).toEqual([['near']]);
});

test('what failed long ago is not failing, and names that clients make up are bounded', () => {
  const { traffic, call, pass } = open();
  call({ state: 'failed', code: 'OutOfMemory' });
  pass(60_000);
  call({ model: 'b', state: 'failed', code: 'OutOfMemory' });
  expect(traffic.failing('box').map(({ model }) => model)).toEqual(['b', 'a']);
  pass(570_000);
  expect(traffic.failing('box').map(({ model }) => model)).toEqual(['b']);
  for (let at = 0; at < 5_000; at += 1) call({ model: `m${at}`, state: 'failed', code: 'OutOfMemory' });
  expect(traffic.failing('box').length).toBeLessThanOrEqual(1_000);
});
