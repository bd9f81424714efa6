import { expect, test } from 'vitest';
import type { GpuLease } from '../../core/gpu.ts';
import type { CallOptions, Provider, ProviderAnswer } from '../../providers/types.ts';
import { type LentDeps, lendingGpu } from './lent.ts';

const answer = { status: 200 } as ProviderAnswer;
const signal = new AbortController().signal;

function leaseUntil(expectedEnd: number | null): GpuLease {
  const who = { owner: 'k', holder: 'h', cycleId: 'c1', step: 'train', pid: 1 } as const;
  return { host: 'box', device: 'gpu', ...who, acquiredAt: 0, expiresAt: 0, expectedEnd };
}

function lent(kind: string, change: Partial<LentDeps> = {}) {
  const calls: CallOptions[] = [];
  const toCpu: string[] = [];
  const told: unknown[] = [];
  const call = async (...[, , options]: Parameters<Provider['call']>) => {
    calls.push(options);
    return answer;
  };
  const provider = lendingGpu({ name: kind, kind, call } as unknown as Provider, {
    holder: () => leaseUntil(null),
    usesGpu: () => true,
    fits: async () => true,
    sentToCpu: (_provider, model) => void toCpu.push(model),
    ...change,
  });
  const changed = (options: unknown) => void told.push(options);
  const ask = () => provider.call('chat/completions', '{}', { signal, model: 'm', changed });
  return { ask, calls, toCpu, told };
}

test('while nobody has the GPU, and for what is not on it, a call goes as it came', async () => {
  for (const change of [{ holder: () => null }, { usesGpu: () => false }]) {
    const { ask, calls, told, toCpu } = lent('ollama', change);
    expect(await ask()).toBe(answer);
    expect(calls[0]).not.toHaveProperty('override');
    expect({ told, toCpu }).toEqual({ told: [], toCpu: [] });
  }
});

test('Ollama is told to stay away from the GPU, and who asked is told so before', async () => {
  const { ask, calls, told, toCpu } = lent('ollama');
  expect(await ask()).toBe(answer);
  expect(calls[0]).toMatchObject({ override: { num_gpu: 0 }, model: 'm' });
  expect(told).toEqual([{ num_gpu: 0 }]);
  expect(toCpu).toEqual(['m']);
});

test('a lease that is over while somebody looks for memory changes nothing', async () => {
  let held = true;
  const { ask, calls, toCpu } = lent('ollama', {
    holder: () => (held ? leaseUntil(null) : null),
    fits: async () => {
      held = false;
      return true;
    },
  });
  await ask();
  expect(calls[0]).not.toHaveProperty('override');
  expect(toCpu).toEqual([]);
});

test.each([
  ['ollama', { fits: async () => false }],
  ['vllm', {}],
])('what cannot do without the GPU is not asked, and it is said until when: %s', async (kind, change) => {
  const end = Date.now() + 900_000;
  const { ask, calls } = lent(kind, { ...change, holder: () => leaseUntil(end) });
  const error = await ask().catch((thrown: unknown) => thrown);
  expect(calls).toEqual([]);
  const availableAt = new Date(end).toISOString();
  expect(error).toMatchObject({ code: 'GpuBusy', details: { httpStatus: 503, availableAt } });
  expect(error).toMatchObject({ message: expect.stringContaining(`cycle c1 until about ${availableAt}`) });
  const { retryAfter } = (error as { details: { retryAfter: string } }).details;
  expect(Number(retryAfter)).toBeGreaterThan(850);
  expect(Number(retryAfter)).toBeLessThanOrEqual(900);
});

test.each([
  ['nobody knows the end', null, 30, null],
  ['the end has passed', 0, 5, expect.stringMatching(/Z$/)],
])('a client is told to come back in a moment when %s', async (_when, end, seconds, availableAt) => {
  const { ask } = lent('vllm', { holder: () => leaseUntil(end) });
  await expect(ask()).rejects.toMatchObject({ details: { retryAfter: String(seconds), availableAt } });
});
