import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createBody, type BodySource } from '../body.ts';
import type { ProviderAnswer } from '../types.ts';
import { createPlaces } from './places.ts';
import type { PlaceTimes } from './room.ts';

interface Asked {
  what: 'call' | 'probe';
  signal: AbortSignal;
  answer(kind?: 'stream' | 'whole'): BodySource;
  refuse(error: Error): void;
}

/** A model with one place, which is given by hand, and the memory that it is dropped from. */
function world(times: Partial<PlaceTimes> = {}) {
  const asked: Asked[] = [];
  const memory = { dropped: 0, uses: () => false };
  const places = createPlaces({
    drop: () => Promise.resolve((memory.dropped += 1)),
    isLoaded: () => Promise.resolve(memory.uses()),
    times: { tokenMs: 60_000, silenceMs: 60_000, dropMs: 60_000, ...times },
  });
  const sender = (what: Asked['what']) => (signal: AbortSignal) => {
    const { promise, resolve, reject } = Promise.withResolvers<ProviderAnswer>();
    signal.addEventListener('abort', () => reject(signal.reason as Error));
    asked.push({
      what,
      signal,
      refuse: reject,
      answer(kind = 'stream') {
        const source = createBody({ pause() {}, resume() {}, abort() {} });
        const type = kind === 'stream' ? 'text/event-stream' : 'application/json';
        resolve({ status: 200, headers: { 'content-type': type }, body: source.body, redact: (text) => text });
        return source;
      },
    });
    return promise;
  };
  const call = async (caller = new AbortController(), model = 'm') => {
    const { signal } = caller;
    const answer = await places.call({ model, signal, send: sender('call'), again: sender('probe') });
    /** As a client that leaves. */
    const leave = () => {
      caller.abort();
      answer.body.cancel();
    };
    return { ...answer, leave };
  };
  return { asked, call, memory, freed: places.freed };
}

async function answered(it: ReturnType<typeof world>, kind?: 'stream' | 'whole') {
  const calling = it.call();
  const source = it.asked.at(-1)?.answer(kind);
  return { ...(await calling), source };
}

test('one token is asked for after a stream was cut, and nothing more where it comes', async () => {
  const it = world();
  (await answered(it)).leave();
  expect(it.asked.map(({ what }) => what)).toEqual(['call', 'probe']);
  it.asked[1]?.answer('whole');
  await answered(it);
  expect(it.asked.map(({ what }) => what)).toEqual(['call', 'probe', 'call']);
  expect([it.memory.dropped, it.freed()]).toEqual([0, 0]);
});

test('a refusal of the one token is an answer too', async () => {
  const it = world();
  (await answered(it)).leave();
  it.asked[1]?.refuse(new Error('404'));
  await answered(it);
  expect(it.memory.dropped).toBe(0);
});

test.each([
  ['ended', 'stream', (source: BodySource) => source.end()],
  ['broke', 'stream', (source: BodySource) => source.fail(new Error('reset'))],
  ['was whole', 'whole', () => undefined],
] as const)('nothing is asked for where an answer %s before its client left', async (_how, kind, end) => {
  const it = world();
  const { body, leave, source } = await answered(it, kind);
  body.read({ piece: () => undefined, end: () => undefined, fail: () => undefined });
  if (source) end(source);
  leave();
  expect(it.asked).toHaveLength(1);
});

test('nothing is asked for where it is not the client who ends it', async () => {
  const it = world();
  (await answered(it)).body.cancel();
  expect(it.asked).toHaveLength(1);
});

test('where it does not come, the model is dropped, and a call that waits is sent again', async () => {
  const it = world({ tokenMs: 20 });
  (await answered(it)).leave();
  const next = it.call();
  await expect.poll(() => it.asked.length).toBe(4);
  expect(it.asked[2]?.signal.aborted).toBe(true);
  expect([it.memory.dropped, it.freed()]).toEqual([1, 1]);
  it.asked[3]?.answer();
  expect((await next).status).toBe(200);
});

test('who took long for the first may take twice as long for one', async () => {
  const it = world({ tokenMs: 1 });
  const calling = it.call();
  await sleep(100);
  it.asked[0]?.answer();
  const start = performance.now();
  (await calling).leave();
  await once(it.asked[1]?.signal ?? new EventTarget(), 'abort');
  expect(performance.now() - start).toBeGreaterThan(190);
});

test('a call that comes while the model is dropped waits until it is', async () => {
  const it = world({ tokenMs: 20 });
  let loaded = true;
  it.memory.uses = () => loaded;
  (await answered(it)).leave();
  await expect.poll(() => it.memory.dropped).toBe(1);
  const next = it.call(undefined, 'm:latest');
  const left = new AbortController();
  const leaving = it.call(left);
  left.abort(new Error('left'));
  await expect(leaving).rejects.toThrow('left');
  expect(it.asked).toHaveLength(2);
  const other = it.call(undefined, 'another');
  expect(it.asked).toHaveLength(3);
  loaded = false;
  await expect.poll(() => it.asked.length).toBe(4);
  it.asked[2]?.answer();
  it.asked[3]?.answer();
  await Promise.all([next, other]);
});

test('a model that stays in memory, since others use it, is asked again after a while', async () => {
  const it = world({ tokenMs: 20, dropMs: 50 });
  it.memory.uses = () => true;
  (await answered(it)).leave();
  const next = it.call();
  await expect.poll(() => it.asked.length).toBe(4);
  it.asked[3]?.answer();
  expect((await next).status).toBe(200);
});

test('beside others, one token is asked for when all are over', async () => {
  const it = world();
  const other = it.call();
  (await answered(it)).leave();
  expect(it.asked.map(({ what }) => what)).toEqual(['call', 'call']);
  const source = it.asked[0]?.answer();
  (await other).body.read({ piece: () => undefined, end: () => undefined, fail: () => undefined });
  source?.end();
  expect(it.asked.map(({ what }) => what)).toEqual(['call', 'call', 'probe']);
});

test('beside others to which nothing comes, the model is dropped, and they are sent again', async () => {
  const it = world({ silenceMs: 50 });
  const other = it.call();
  (await answered(it)).leave();
  await expect.poll(() => it.asked.length).toBe(3);
  expect(it.asked[0]?.signal.aborted).toBe(true);
  expect(it.memory.dropped).toBe(1);
  it.asked[2]?.answer();
  expect((await other).status).toBe(200);
});

test('a call that fails by itself fails', async () => {
  const it = world();
  const calling = it.call();
  it.asked[0]?.refuse(new Error('not there'));
  await expect(calling).rejects.toThrow('not there');
});
