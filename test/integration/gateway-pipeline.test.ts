import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import { defaultSettings } from '../../src/core/settings.ts';
import { createPolicy } from '../../src/gateway/policy.ts';
import type { CallFacts } from '../../src/gateway/ports.ts';
import { createPrices } from '../../src/gateway/price.ts';
import { createResolver } from '../../src/gateway/resolve.ts';
import { createRegistry } from '../../src/providers/registry.ts';
import { type Harness, dataLines, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type WireServer, delta, fails, finish, startWireServer, streamOf, whole } from '../fixtures/wire-server.ts';

let first: WireServer;
let second: WireServer;
let harness: Harness;
const facts: CallFacts[] = [];
const said: string[] = [];
const question: JsonObject = { model: 'wire/tiny', messages: [{ role: 'user', content: 'my own words' }] };

beforeAll(async () => {
  first = await startWireServer();
  second = await startWireServer();
  const providers = [wireProvider(first.url), wireProvider(second.url, 'spare')];
  const settings = {
    ...defaultSettings,
    routes: new Map([
      ['safe', { model: 'wire/tiny', fallback: ['spare/tiny', 'spare/last'], egress: 'deny' as const }],
      ['silent', { model: 'wire/tiny', fallback: [], egress: 'deny' as const, record: 'none' as const }],
    ]),
    prices: new Map([
      ['*', { input: 1, output: 2 }],
      ['wire/tiny', { input: 1, output: 2 }],
      ['spare/tiny', { input: 3, output: 4 }],
    ]),
  };
  const resolver = createResolver({ registry: createRegistry(providers), selection: () => null });
  const log = {
    warn: (found: object, message: string) => said.push(JSON.stringify(found) + message),
    error: (found: object, message: string) => said.push(JSON.stringify(found) + message),
  };
  harness = await openHarness({
    providers,
    gateway: {
      log,
      policy: createPolicy({ settings: () => settings, resolver }),
      prices: createPrices({ settings: () => settings, log }),
      observer: {
        start: ({ traceparent }) => ({
          upstreamHeaders: { traceparent: traceparent ?? 'none' },
          end: (told) => facts.push(told),
        }),
      },
    },
  });
});
afterAll(async () => {
  await harness.close();
  await first.close();
  await second.close();
});
afterEach(() => {
  first.answerWith(whole('Hello'));
  second.answerWith(whole('Hello'));
});

const ask = (more: JsonObject, init?: RequestInit) => harness.chat({ ...question, ...more }, init);

describe('what the provider gets is what was sent', () => {
  test('byte for byte, but for the name of the model; and the answer but for its id', async () => {
    const url = await harness.serve();
    const body = `{ "big":12345678901234567890, "messages" : [{"role":"user","content":"\\u00fc","model":1.0}],\n"model":"wire/tiny","z":1e400,"n":-0}`;
    const answer = `{"usage":{"prompt_tokens":7.0,"completion_tokens":3},"big":98765432109876543210,\n "id" : "up-1","choices":[{"index":0,"message":{"role":"assistant","content":"a","id":"in"},"finish_reason":"stop"}]}`;
    first.answerWith((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(answer);
    });
    const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body });
    const text = await response.text();
    expect(first.requests.at(-1)?.text).toBe(body.replace('"wire/tiny"', '"tiny"'));
    const id = response.headers.get('x-ratchet-completion-id') ?? '';
    expect(text).toBe(answer.replace('"up-1"', `"${id}"`));
    expect(id).toBe((await harness.recordOf(response)).id);
  });

  test('with the headers that a trace needs', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await (await ask({}, { headers: { traceparent } })).text();
    expect(first.requests.at(-1)?.headers.traceparent).toBe(traceparent);
  });
});

describe('a model that fails is passed over', () => {
  test.each([
    [429, 'RateLimited'],
    [503, 'ProviderUnavailable'],
  ])('for one that answers: %i', async (status, code) => {
    first.answerWith(fails(status, { error: { message: 'no' } }));
    for (const stream of [false, true]) {
      const response = await ask({ model: 'safe', stream });
      expect(response.status).toBe(200);
      expect(response.headers.get('x-ratchet-provider')).toBe('spare');
      expect(response.headers.get('x-ratchet-attempts')).toBe(`wire/tiny=${code}`);
      await response.text();
      const record = await harness.recordOf(response);
      const attempts = [{ provider: 'wire', model: 'tiny', code }];
      expect(record).toMatchObject({ provider: 'spare', model: 'tiny', state: 'complete', attempts });
      expect(facts.at(-1)).toMatchObject({ provider: 'spare', state: 'complete', attempts, status: 200 });
      expect(facts.at(-1)?.durationMs).toBeGreaterThan(0);
    }
  });

  test('an answer that is none is a failure too, as long as nothing of it was sent', async () => {
    first.answerWith((_request, response) => void response.end('{"choices": ['));
    const response = await ask({ model: 'safe' });
    expect(response.headers.get('x-ratchet-attempts')).toBe('wire/tiny=ProviderUnavailable');
  });

  test.each(['end', 'cut'] as const)('a stream of which nothing came before its %s', async (ending) => {
    first.answerWith(async (request, response) => {
      await streamOf([], { ending: 'hang' })(request, response);
      // The head has to leave before the connection breaks.
      await sleep(20);
      if (ending === 'cut') response.destroy();
      else response.end();
    });
    second.answerWith(streamOf([delta({ content: 'Hel' }), delta({ content: 'lo' }), finish('stop')], { splitAt: 7 }));
    const response = await ask({ model: 'safe', stream: true });
    expect(response.headers.get('x-ratchet-provider')).toBe('spare');
    expect(response.headers.get('x-ratchet-attempts')).toBe('wire/tiny=ProviderUnavailable');
    expect((await dataLines(response)).at(-1)).toBe('[DONE]');
    const attempts = [{ provider: 'wire', model: 'tiny', code: 'ProviderUnavailable' }];
    const choices = [{ message: { content: 'Hello' } }];
    expect(await harness.recordOf(response)).toMatchObject({ provider: 'spare', state: 'complete', attempts, choices });
  });

  test('not a stream of which something came', async () => {
    first.answerWith(streamOf([delta({ content: 'Hel' })], { ending: 'cut', pauseMs: 20 }));
    const before = second.requests.length;
    const response = await ask({ model: 'safe', stream: true });
    const lines = await dataLines(response);
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatch('ProviderUnavailable');
    expect(second.requests.length).toBe(before);
    expect(await harness.recordOf(response)).toMatchObject({ provider: 'wire', state: 'interrupted' });
  });

  test('a client that leaves before anything came: nobody else is asked', async () => {
    const asked = Promise.withResolvers<void>();
    first.answerWith(async (request, response) => {
      await streamOf([], { ending: 'hang' })(request, response);
      asked.resolve();
    });
    const [before, told] = [second.requests.length, facts.length];
    const leaving = new AbortController();
    const asking = ask({ model: 'safe', stream: true }, { signal: leaving.signal });
    await asked.promise;
    leaving.abort();
    await expect(asking).rejects.toThrow();
    await first.requests.at(-1)?.cut;
    await expect.poll(() => facts.length).toBe(told + 1);
    expect(facts.at(-1)).toMatchObject({ state: 'interrupted', code: 'Cancelled', attempts: [] });
    expect(second.requests.length).toBe(before);
  });

  test('not where it refused the request', async () => {
    first.answerWith(fails(400, { error: { message: 'bad' } }));
    const before = second.requests.length;
    expect((await ask({ model: 'safe' })).status).toBe(400);
    expect(second.requests.length).toBe(before);
  });

  test('when all fail, the last error is told and all of them recorded', async () => {
    first.answerWith(fails(503, {}));
    second.answerWith(fails(429, {}, { 'retry-after': '3' }));
    const response = await ask({ model: 'safe' });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('3');
    expect(await harness.recordOf(response)).toMatchObject({
      state: 'failed',
      provider: 'spare',
      model: 'last',
      attempts: [{ model: 'tiny' }, { provider: 'spare', model: 'tiny', code: 'RateLimited' }],
      error: { code: 'RateLimited', status: 429 },
    });
  });
});

describe('what is kept', () => {
  test('none: no record, but the sums, and an id of its own', async () => {
    for (const stream of [false, true]) {
      const response = await ask({ model: 'silent', stream });
      const id = response.headers.get('x-ratchet-completion-id') ?? '';
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(response.headers.get('x-conversation-id')).toBeNull();
      expect(await response.text()).toContain(id);
      await harness.gateway.settled();
      expect(await harness.store.chats.get(id)).toBeNull();
      expect(facts.at(-1)).toMatchObject({ record: 'none', state: 'complete', completionId: id, commitMs: null });
    }
    const sums = await harness.store.usage.sum({}, ['model']);
    expect(sums.find(({ model }) => model === 'tiny')?.requests).toBeGreaterThanOrEqual(2);
  });

  test('meta: no words of client or vendor, whatever happens', async () => {
    first.answerWith(fails(400, { error: { message: 'bad: my own words' } }));
    const refused = await ask({ store: false });
    expect(refused.status).toBe(400);
    const record = await harness.recordOf(refused);
    expect(record).toMatchObject({ state: 'failed', messages: [], error: { code: 'ProviderRejected', status: 400 } });
    expect(JSON.stringify(record)).not.toMatch('my own words');
    first.answerWith(streamOf([delta({ content: 'my own words' })], { ending: 'cut', pauseMs: 20 }));
    const cut = await ask({ store: false, stream: true });
    await cut.text();
    expect(JSON.stringify(await harness.recordOf(cut))).not.toMatch('my own words');
    expect(said.join()).not.toMatch('my own words');
  });

  test('what it cost, by who answered', async () => {
    const response = await ask({});
    expect((await harness.recordOf(response)).costNanos).toBe(7 * 1_000 + 3 * 2_000);
    first.answerWith(fails(503, {}));
    const other = await ask({ model: 'safe' });
    expect((await harness.recordOf(other)).costNanos).toBe(7 * 3_000 + 3 * 4_000);
    expect(facts.at(-1)).toMatchObject({ promptTokens: 7, completionTokens: 3, costNanos: 33_000 });
  });
});

test('a stream from a provider that reports its usage: it is asked for, kept, and not shown to who did not ask', async () => {
  const asking = await openHarness({ providers: [{ ...wireProvider(first.url), reportsUsage: true }] });
  const usage = { prompt_tokens: 4, completion_tokens: 9, total_tokens: 13 };
  first.answerWith(streamOf([delta({ content: 'Hi' }), finish('stop'), { choices: [], usage }]));
  for (const options of [undefined, null, { include_usage: false }, { include_usage: true }]) {
    const response = await asking.chat({
      ...question,
      stream: true,
      ...(options !== undefined && { stream_options: options }),
    });
    const lines = await dataLines(response);
    expect(first.requests.at(-1)?.body.stream_options).toEqual({ include_usage: true });
    expect(lines.some((line) => line.includes('"usage"'))).toBe(options?.include_usage === true);
    expect(await asking.recordOf(response)).toMatchObject({ promptTokens: 4, completionTokens: 9 });
  }
  await asking.close();
});

describe('what is too much', () => {
  const send = async (text: string): Promise<string> => {
    const url = new URL(await harness.serve());
    const socket = connect(Number(url.port), url.hostname);
    let got = '';
    socket.on('error', () => undefined);
    socket.write(text.replace('HOST', url.host));
    for await (const bytes of socket) {
      got += String(bytes);
      if (got.includes('\r\n\r\n')) break;
    }
    return got;
  };
  const head = 'POST /v1/chat/completions HTTP/1.1\r\nhost: HOST\r\n';

  test('a body that says it is too large is refused before it is sent', async () => {
    expect(await send(`${head}content-length: 40000000\r\n\r\n`)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('a body that does not say so is refused once it is', async () => {
    const chunk = `${(4_000_000).toString(16)}\r\n${'x'.repeat(4_000_000)}\r\n`;
    expect(await send(`${head}transfer-encoding: chunked\r\n\r\n${chunk.repeat(9)}`)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('headers, depth, and what is not plain JSON', async () => {
    expect(await send(`${head}x-long: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await send(`${head}content-encoding: gzip\r\ncontent-length: 1\r\n\r\nx`)).toMatch(/^HTTP\/1\.1 415 /);
    const url = await harness.serve();
    const deep = `{"model":"wire/tiny","messages":[{"role":"user","content":${'['.repeat(200)}${']'.repeat(200)}}]}`;
    const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: deep });
    expect(response.status).toBe(400);
    expect(await response.text()).toMatch('nested deeper');
  });

  test('an answer that is nested too deep is none', async () => {
    first.answerWith(
      (_request, response) => void response.end(`{"choices":[],"x":${'['.repeat(200)}${']'.repeat(200)}}`),
    );
    expect((await ask({})).status).toBe(502);
  });
});

test('routes that are nowhere, and methods that are not theirs', async () => {
  const url = await harness.serve();
  for (const [method, path] of [
    ['POST', '/v1/nothing'],
    ['GET', '/v1/chat/completions'],
  ] as const) {
    const response = await fetch(`${url}${path}`, { method });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: 'NotFound', type: 'not_found_error' } });
  }
});

test('who is not let in is told in the OpenAI shape, and nothing is asked', async () => {
  const before = first.requests.length;
  const response = await ask({}, { headers: { origin: 'http://evil.example' } });
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({ error: { code: 'Unauthorized' } });
  expect(first.requests.length).toBe(before);
});
