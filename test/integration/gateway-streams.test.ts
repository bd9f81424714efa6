import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import { createOpenAiProvider } from '../../src/providers/openai.ts';
import { type Harness, dataLines, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type Leaving, bareClient } from '../fixtures/leaving-client.ts';
import { abortStreams, counting, manyStreams } from '../fixtures/many-streams.ts';
import {
  type WireHandler,
  type WireServer,
  delta,
  fails,
  finish,
  startWireServer,
  streamOf,
  whole,
} from '../fixtures/wire-server.ts';

let wire: WireServer;
let harness: Harness;
const question: JsonObject = { model: 'wire/tiny', messages: [{ role: 'user', content: 'Hi' }] };
const streamed: JsonObject = { ...question, stream: true };
const frame = (content: string): string => `data: ${JSON.stringify(delta({ content }))}\n\n`;

beforeAll(async () => {
  wire = await startWireServer();
  const slowToDie = createOpenAiProvider({
    name: 'idle',
    baseUrl: wire.url,
    apiKey: null,
    keySetting: 'K',
    idleMs: 300,
  });
  harness = await openHarness({ providers: [wireProvider(wire.url), slowToDie], gateway: { quietMs: 60 } });
});
afterAll(async () => {
  await harness.close();
  await wire.close();
});
afterEach(() => wire.answerWith(whole('Hello')));

async function lastRecord() {
  await harness.gateway.settled();
  const { items } = await harness.store.chats.list({}, { limit: 1, order: 'desc' });
  return items[0];
}

test('a piece is with the client before the provider sends the next', async () => {
  const got = Array.from({ length: 20 }, () => Promise.withResolvers<void>());
  wire.answerWith(async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const [at, { promise }] of got.entries()) {
      response.write(frame(`<${at}>`));
      await promise;
    }
    response.end(`data: ${JSON.stringify(finish('stop'))}\n\ndata: [DONE]\n\n`);
  });
  const client = bareClient(await harness.serve(), streamed);
  for (const [at, { resolve }] of got.entries()) {
    await client.until(`<${at}>`);
    resolve();
  }
  await client.until('[DONE]');
});

test('the head is with the client before the first piece', async () => {
  wire.answerWith(async (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    await request.cut;
  });
  const client = bareClient(await harness.serve(), streamed);
  await client.until('x-ratchet-completion-id');
  expect(client.seen()).not.toMatch('data:');
  client.leave('close');
  await wire.requests.at(-1)?.cut;
});

/** What the provider does when the client leaves it. */
const moments: Record<string, { stream: boolean; handler: (arrived: () => void) => WireHandler; seen: string | null }> =
  {
    'before the head': { stream: true, seen: null, handler: (arrived) => () => arrived() },
    'before a whole answer': { stream: false, seen: null, handler: (arrived) => () => arrived() },
    'while streaming': {
      stream: true,
      seen: 'some',
      handler: (arrived) => async (request, response) => {
        await streamOf([delta({ content: 'some' })], { ending: 'hang' })(request, response);
        arrived();
      },
    },
    'while it does not read': {
      stream: true,
      seen: 'some',
      handler: (arrived) => async (request, response) => {
        await streamOf([delta({ content: 'some' })], { ending: 'hang' })(request, response);
        const flood = frame('x'.repeat(64_000));
        for (let still = true; still; ) {
          still =
            response.write(flood) ||
            (await Promise.race([once(response, 'drain').then(() => true), sleep(300, false)]));
        }
        arrived();
      },
    },
  };

describe('a client that leaves ends the provider’s call within 250 ms', () => {
  const ways: Leaving[] = ['reset', 'close', 'half-close'];
  const cases = Object.keys(moments).flatMap((moment) => ways.map((how): [string, Leaving] => [moment, how]));
  test.each(cases)('%s: %s', async (moment, how) => {
    const { stream, handler, seen } = moments[moment]!;
    const arrived = Promise.withResolvers<void>();
    wire.answerWith(handler(arrived.resolve));
    const before = wire.requests.length;
    const client = bareClient(await harness.serve(), { ...question, stream });
    if (seen !== null) await client.until(seen);
    if (moment === 'while it does not read') client.stopReading();
    await arrived.promise;
    const left = performance.now();
    client.leave(how);
    await wire.requests[before]?.cut;
    // A second more than is promised, for a busy machine.
    expect(performance.now() - left).toBeLessThan(1_250);
    expect(await lastRecord()).toMatchObject({ state: 'interrupted', error: { code: 'Cancelled' } });
  });
});

describe('signs of life', () => {
  test('come while the provider thinks, and the answer after them', async () => {
    wire.answerWith(async (request, response) => {
      await sleep(250);
      await streamOf([delta({ content: 'at last' }), finish('stop')])(request, response);
    });
    const response = await harness.chat(streamed);
    const text = await response.text();
    expect(text).toMatch(/^(: keep-alive\n\n)+data: .*at last[^]*data: \[DONE\]\n\n$/);
    expect((await harness.recordOf(response)).state).toBe('complete');
  });

  test('come in the pauses of a stream', async () => {
    wire.answerWith(streamOf([delta({ content: 'one' }), delta({ content: 'two' }), finish('stop')], { pauseMs: 150 }));
    const text = await (await harness.chat(streamed)).text();
    expect(text).toMatch(/one.*\n\n(: keep-alive\n\n)+data: .*two/);
  });

  test('make a later failure an event of the stream', async () => {
    wire.answerWith(async (request, response) => {
      await sleep(200);
      return fails(503, { error: { message: 'no' } })(request, response);
    });
    const response = await harness.chat(streamed);
    expect(response.status).toBe(200);
    const lines = await dataLines(response);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ error: { code: 'ProviderUnavailable' } });
    expect((await harness.recordOf(response)).state).toBe('failed');
  });

  test('do not come where no stream was asked for, nor in place of a quick failure', async () => {
    wire.answerWith(async (request, response) => {
      await sleep(200);
      return whole('Hello')(request, response);
    });
    expect(await (await harness.chat(question)).text()).toMatch(/^\{/);
    // However busy the machine is, a failure comes before this.
    const calm = await openHarness({ providers: [wireProvider(wire.url)], gateway: { quietMs: 60_000 } });
    wire.answerWith(fails(503, {}));
    expect((await calm.chat(streamed)).status).toBe(502);
    await calm.close();
  });
});

describe('a provider that does not do as it should', () => {
  test('falls silent for ever: it is cut off after its idle limit', async () => {
    wire.answerWith(streamOf([delta({ content: 'Half' })], { ending: 'hang' }));
    const response = await harness.chat({ ...streamed, model: 'idle/tiny' });
    const lines = await dataLines(response);
    expect(lines.at(-1)).toMatch(/sent nothing for too long/);
    expect(await harness.recordOf(response)).toMatchObject({ state: 'interrupted' });
    wire.answerWith(() => undefined);
    expect((await harness.chat({ ...question, model: 'idle/tiny' })).status).toBe(502);
  });

  test.each([
    ['{"choices": [', /is not JSON/],
    ['[1]', /not an object/],
  ])('sends %s in a stream: what came is passed on, then an error event, and no [DONE]', async (bad, said) => {
    wire.answerWith((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`${frame('Half')}data: ${bad}\n\n${frame('never')}data: [DONE]\n\n`);
    });
    const response = await harness.chat(streamed);
    const lines = await dataLines(response);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch('Half');
    expect(lines[1]).toMatch(said);
    const record = await harness.recordOf(response);
    expect(record).toMatchObject({ state: 'interrupted', error: { code: 'ProviderUnavailable' } });
    expect(record.choices[0]?.message.content).toBe('Half');
  });

  test('never says [DONE] and keeps the connection: the answer ends all the same', async () => {
    wire.answerWith(streamOf([delta({ content: 'All' }), finish('stop')], { ending: 'hang' }));
    const response = await harness.chat(streamed);
    expect((await dataLines(response)).at(-1)).toBe('[DONE]');
    expect((await harness.recordOf(response)).state).toBe('complete');
    await wire.requests.at(-1)?.cut;
  });

  test('closes a kept connection as we write to it: the request is sent once more', async () => {
    let requests = 0;
    const server = createServer((socket) => {
      let answered = false;
      socket.on('error', () => undefined);
      socket.on('data', () => {
        requests += 1;
        if (answered) {
          socket.resetAndDestroy();
          return;
        }
        answered = true;
        const body = JSON.stringify({ choices: [{ index: 0, message: { content: 'Hello' }, finish_reason: 'stop' }] });
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        );
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    const provider = createOpenAiProvider({ name: 'stale', baseUrl, apiKey: null, keySetting: 'K' });
    const { signal } = new AbortController();
    for (const seen of [1, 3]) {
      expect((await provider.call('chat/completions', '{}', { signal })).status).toBe(200);
      await sleep(20);
      expect(requests).toBe(seen);
    }
    server.close();
  });

  test('breaks a new connection: the request may have been seen, and is not sent again', async () => {
    let requests = 0;
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => {
        requests += 1;
        socket.resetAndDestroy();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    const provider = createOpenAiProvider({ name: 'broken', baseUrl, apiKey: null, keySetting: 'K' });
    const { signal } = new AbortController();
    await expect(provider.call('chat/completions', '{}', { signal })).rejects.toMatchObject({
      code: 'ProviderUnavailable',
    });
    expect(requests).toBe(1);
    server.close();
  });
});

describe('many streams', () => {
  test('a hundred at once: no frame is lost or at another place', async () => {
    wire.answerWith(counting(60));
    expect(await manyStreams(await harness.serve(), 100, 60)).toEqual({ streams: 100, wrong: 0, frames: 60 });
  });

  test('five hundred that are left in the middle leave nothing open', async () => {
    wire.answerWith(counting(100_000, 5));
    const url = await harness.serve();
    const before = wire.requests.length;
    await abortStreams(url, 500, 25);
    await Promise.all(wire.requests.slice(before).map(({ cut }) => cut));
    await harness.gateway.settled();
    const { items } = await harness.store.chats.list({ states: ['open'] }, { limit: 10 });
    expect(items).toEqual([]);
  });
});
