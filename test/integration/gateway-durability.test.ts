import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import { RatchetError } from '../../src/core/errors.ts';
import { textOf } from '../../src/core/message.ts';
import type { ChatStore } from '../../src/store/types.ts';
import { type Harness, dataLines, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type WireServer, delta, finish, startWireServer, streamOf, whole } from '../fixtures/wire-server.ts';

/** What the store does next, on top of its work; each test sets what it needs. */
let hooks: { begin?: () => Promise<void>; finish?: () => Promise<void>; progress?: (text: string) => void } = {};
/** The shortest time between two writes of a stream that goes on, in ms. */
const flushMs = 300;
let wire: WireServer;
let harness: Harness;
const question: JsonObject = { model: 'wire/tiny', messages: [{ role: 'user', content: 'Hi' }] };

const watched = (chats: ChatStore): ChatStore => ({
  ...chats,
  async begin(request) {
    await hooks.begin?.();
    return chats.begin(request);
  },
  async progress(id, choices, firstTokenAt) {
    hooks.progress?.(textOf(choices[0]?.message.content));
    await chats.progress(id, choices, firstTokenAt);
  },
  async finish(id, outcome) {
    await hooks.finish?.();
    return chats.finish(id, outcome);
  },
});

beforeAll(async () => {
  wire = await startWireServer();
  harness = await openHarness({ providers: [wireProvider(wire.url)], wrapChats: watched, flushMs });
});
afterAll(async () => {
  await harness.close();
  await wire.close();
});
afterEach(() => {
  hooks = {};
  wire.answerWith(whole('Hello'));
});

describe('nothing is answered that cannot be recorded', () => {
  const full = (): Promise<void> => Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
  const broken = (): Promise<void> => Promise.reject(new RatchetError('StoreUnavailable', 'gone'));

  test.each([
    [full, 507, 'DiskFull'],
    [broken, 503, 'StoreUnavailable'],
    [() => Promise.reject(new Error('odd')), 503, 'StoreUnavailable'],
  ])(
    'the request cannot be written: the provider is cut off before the first byte (%#)',
    async (begin, status, code) => {
      wire.answerWith(streamOf([delta({ content: 'a' })], { ending: 'hang' }));
      hooks.begin = () => sleep(50).then(begin);
      const response = await harness.chat({ ...question, stream: true });
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ error: { code } });
      await wire.requests.at(-1)?.cut;
    },
  );

  test.each([full, broken])('the answer cannot be written: it is not sent (%#)', async (failing) => {
    hooks.finish = failing;
    const response = await harness.chat(question);
    expect([507, 503]).toContain(response.status);
    expect(await response.text()).not.toMatch('Hello');
  });

  test('the outcome of a stream cannot be written: an error event in place of the end', async () => {
    hooks.finish = full;
    const lines = await dataLines(await harness.chat({ ...question, stream: true }));
    expect(lines.at(-1)).toMatch('DiskFull');
    expect(lines.join()).not.toMatch(/\[DONE\]|"finish_reason":"stop"/);
  });
});

describe('the last byte waits for the commit', () => {
  test('the first byte of a stream waits for the request to be recorded', async () => {
    const gate = Promise.withResolvers<void>();
    hooks.begin = () => gate.promise;
    let answered = false;
    const asking = harness.chat({ ...question, stream: true }).then((response) => {
      answered = true;
      return response;
    });
    await sleep(100);
    expect(answered).toBe(false);
    gate.resolve();
    await (await asking).text();
  });

  test('of a stream: content passes at once, the end only when it is recorded', async () => {
    wire.answerWith(streamOf([delta({ role: 'assistant', content: 'Hel' }), delta({ content: 'lo' }), finish('stop')]));
    const gate = Promise.withResolvers<void>();
    hooks.finish = () => gate.promise;
    const response = await harness.chat({ ...question, stream: true });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let seen = '';
    const reading = (async () => {
      for (let at = await reader?.read(); at && !at.done; at = await reader?.read()) seen += at.value;
    })();
    await expect.poll(() => seen).toMatch('"lo"');
    await sleep(150);
    expect(seen).not.toMatch(/stop|DONE/);
    gate.resolve();
    await reading;
    expect(seen).toMatch(/"finish_reason":"stop".*\n\ndata: \[DONE\]\n\n$/);
    expect((await harness.recordOf(response)).state).toBe('complete');
  });

  test('of a whole answer', async () => {
    const gate = Promise.withResolvers<void>();
    hooks.finish = () => gate.promise;
    let answered = false;
    const asking = harness.chat(question).then(() => (answered = true));
    await sleep(100);
    expect(answered).toBe(false);
    gate.resolve();
    await asking;
  });
});

test('progress is written while a stream goes on or pauses, and not more often than it may', async () => {
  const flushed: { text: string; at: number }[] = [];
  hooks.progress = (text) => void flushed.push({ text, at: performance.now() });
  const words = Array.from({ length: 20 }, (_, at) => delta({ content: `${at} ` }));
  wire.answerWith(streamOf(words, { pauseMs: 25, ending: 'hang' }));
  const response = await harness.chat({ ...question, stream: true });
  const reader = response.body?.getReader();
  void (async () => {
    while (!(await reader?.read())?.done);
  })().catch(() => undefined);
  await expect.poll(() => flushed.at(-1)?.text).toMatch(/19 $/);
  expect(flushed.length).toBeGreaterThanOrEqual(2);
  // A timer may come a millisecond early.
  for (const [at, { at: time }] of flushed.slice(1).entries())
    expect(time - (flushed[at]?.at ?? 0)).toBeGreaterThan(flushMs - 2);
  await reader?.cancel();
  expect((await harness.recordOf(response)).state).toBe('interrupted');
});

describe('over a real connection', () => {
  const post = (body: JsonObject, host: string): string => {
    const text = JSON.stringify(body);
    return `POST /v1/chat/completions HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  };

  test.each([true, false])('a client that is gone cuts the provider off at once (stream: %s)', async (stream) => {
    const url = new URL(await harness.serve());
    const arrived = Promise.withResolvers<void>();
    wire.answerWith(async (request, response) => {
      arrived.resolve();
      if (stream)
        await streamOf([delta({ role: 'assistant', content: 'Some' })], { ending: 'hang' })(request, response);
    });
    const socket = connect(Number(url.port), url.hostname);
    socket.write(post({ ...question, stream }, url.host));
    await arrived.promise;
    if (stream) while (!String((await once(socket, 'data'))[0]).includes('Some'));
    socket.destroy();
    await wire.requests.at(-1)?.cut;
    await harness.gateway.settled();
    const { items } = await harness.store.chats.list({}, { limit: 1, order: 'desc' });
    expect(items[0]).toMatchObject({ state: 'interrupted', error: { code: 'Cancelled' } });
    expect(items[0]?.choices.map(({ message }) => message.content)).toEqual(stream ? ['Some'] : []);
  });

  test('a client that does not read makes the provider wait', async () => {
    const url = new URL(await harness.serve());
    let written = 0;
    const frame = `data: ${JSON.stringify(delta({ content: 'x'.repeat(16_000) }))}\n\n`;
    wire.answerWith(async (request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      while (!response.destroyed && written < 200e6) {
        written += frame.length;
        if (!response.write(frame)) await Promise.race([once(response, 'drain'), request.cut]);
      }
    });
    const socket = connect(Number(url.port), url.hostname);
    socket.pause();
    socket.write(post({ ...question, stream: true }, url.host));
    // Until the buffers on the way are full, which takes a while on a busy machine.
    const halted = async () => {
      const before = written;
      await sleep(500);
      return written > 0 && written === before;
    };
    while (!(await halted()));
    expect(written).toBeLessThan(32e6);
    socket.destroy();
    await wire.requests.at(-1)?.cut;
  });
});
