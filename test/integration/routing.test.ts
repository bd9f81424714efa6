import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import { dataLines, wireProvider } from '../fixtures/gateway-harness.ts';
import { type RoutedHarness, openRoutedHarness } from '../fixtures/routed-harness.ts';
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

let first: WireServer;
let second: WireServer;
let harness: RoutedHarness;
let now = 0;
const both = { r: { model: 'wire/tiny', fallback: ['spare/tiny'] } };
const once = { retries: 0 };
const patient = { timeout: 20_000 };

beforeAll(async () => {
  first = await startWireServer(['tiny']);
  second = await startWireServer(['tiny', 'other']);
});
afterAll(async () => {
  await first.close();
  await second.close();
});
beforeEach(async () => {
  now = 1_000_000;
  first.answerWith(whole('Hello'));
  second.answerWith(whole('Hello'));
  first.requests.length = 0;
  second.requests.length = 0;
  harness = await openRoutedHarness({
    providers: [wireProvider(first.url), wireProvider(second.url, 'spare')],
    clock: () => now,
  });
});
afterEach(() => harness.close());

async function ask(more: JsonObject = {}, headers: Record<string, string> = {}) {
  const body = { model: 'wire/tiny', messages: [{ role: 'user', content: 'Hi' }], ...more };
  const response = await harness.chat(body, { headers });
  const text = await response.text();
  const header = (name: string) => response.headers.get(name);
  return { response, status: response.status, text, header, provider: header('x-ratchet-provider') };
}

/** Answers in turn, the last one for ever. */
function inTurn(...handlers: WireHandler[]): WireHandler {
  let at = 0;
  return (request, response) => {
    const handler = handlers[Math.min(at, handlers.length - 1)];
    at += 1;
    return handler?.(request, response);
  };
}

/** Breaks in the middle of a whole answer, whatever was asked for. */
const cut: WireHandler = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
  response.write('{"choices"', () => response.destroy());
};
const emptyStream = streamOf([], { ending: 'end' });
/** Never answers. */
const silent: WireHandler = () => undefined;

describe('a fault that passes', () => {
  const busy = fails(503, { error: { message: 'busy' } });
  test.each<[string, WireHandler, string]>([
    ['429', fails(429, { error: { message: 'slow down' } }, { 'retry-after': '0.01' }), 'RateLimited'],
    ['429 until a date', fails(429, {}, { 'retry-after': new Date(0).toUTCString() }), 'RateLimited'],
    ['408', fails(408, {}), 'ProviderUnavailable'],
    ['409', fails(409, {}), 'ProviderRejected'],
    ['500', fails(500, {}), 'ProviderUnavailable'],
    ['502', fails(502, {}), 'ProviderUnavailable'],
    ['503', busy, 'ProviderUnavailable'],
    ['504', fails(504, {}), 'ProviderUnavailable'],
    ['529', fails(529, {}), 'ProviderUnavailable'],
    ['a connection that breaks', cut, 'ProviderUnavailable'],
  ])('%s: the same model is asked again', async (_name, handler, code) => {
    for (const stream of [false, true]) {
      first.requests.length = 0;
      first.answerWith(inTurn(handler, whole('Hello')));
      const { response, status, text, header } = await ask({ stream });
      expect(status).toBe(200);
      expect(text).toContain('Hello');
      expect(first.requests).toHaveLength(2);
      expect([header('x-ratchet-tries'), header('x-ratchet-attempts')]).toEqual(['2', `wire/tiny=${code}`]);
      const attempts = [{ provider: 'wire', model: 'tiny', code }];
      expect(await harness.recordOf(response)).toMatchObject({ provider: 'wire', state: 'complete', attempts });
      expect(harness.facts.at(-1)?.attempts).toMatchObject([{ code, retried: true }]);
    }
  });

  test('in a stream of which only the head came', async () => {
    first.answerWith(inTurn(emptyStream, streamOf([delta({ content: 'Hello' }), finish('stop')])));
    expect(await ask({ stream: true })).toMatchObject({ status: 200, text: expect.stringContaining('Hello') });
    expect(first.requests).toHaveLength(2);
  });

  test('as often as the settings say: the provider, else all', async () => {
    first.answerWith(busy);
    second.answerWith(busy);
    harness.say({ routing: { retries: 1 }, providers: { wire: { retries: 3 } } });
    const { status, header } = await ask();
    expect([status, header('x-ratchet-tries'), first.requests.length]).toEqual([502, '4', 4]);
    await ask({ model: 'spare/tiny' });
    expect(second.requests).toHaveLength(2);
  });

  test('then the next in line is asked, and each try is on record', async () => {
    first.answerWith(busy);
    harness.say({ routes: both, routing: { retries: 1 } });
    const { response, provider, header } = await ask({ model: 'r' });
    expect([provider, header('x-ratchet-tries'), first.requests.length]).toEqual(['spare', '3', 2]);
    const code = 'ProviderUnavailable';
    expect(harness.facts.at(-1)?.attempts).toMatchObject([{ code, retried: true }, { code }]);
    expect((await harness.recordOf(response)).attempts).toHaveLength(2);
  });

  test.each([400, 401, 404, 422])('not %i, which is passed on', async (status) => {
    first.answerWith(fails(status, { error: { message: 'no' } }));
    harness.say({ routes: both });
    await ask({ model: 'r' });
    expect([first.requests.length, second.requests.length]).toEqual([1, 0]);
  });

  test('not when something of the answer was sent', async () => {
    first.answerWith(streamOf([delta({ content: 'Hel' })], { ending: 'cut', pauseMs: 20 }));
    harness.say({ routes: both });
    expect((await ask({ model: 'r', stream: true })).text).toContain('Hel');
    expect([first.requests.length, second.requests.length]).toEqual([1, 0]);
  });

  test('a longer wait than anybody has goes to the next at once, and others follow', async () => {
    first.answerWith(fails(429, {}, { 'retry-after': '30' }));
    harness.say({ routes: both });
    expect((await ask({ model: 'r' })).provider).toBe('spare');
    expect(first.requests).toHaveLength(1);
    // It asked for patience, so it is asked last.
    const { provider, header } = await ask({ model: 'r' });
    expect([provider, header('x-ratchet-attempts'), first.requests.length]).toEqual(['spare', null, 1]);
    now += 31_000;
    first.answerWith(whole('Hello'));
    expect((await ask({ model: 'r' })).provider).toBe('wire');
  });

  test('and the client is told how long to wait when nobody is left', async () => {
    first.answerWith(fails(429, {}, { 'retry-after': '30' }));
    const { status, header } = await ask();
    expect([status, header('retry-after'), header('x-ratchet-tries')]).toEqual([429, '30', '1']);
  });
});

describe('time', () => {
  test("the caller's: a whole answer that does not come is given up", async () => {
    first.answerWith(silent);
    harness.say({ routing: once });
    const { status, text } = await ask({}, { 'x-ratchet-timeout': '0.1' });
    expect(status).toBe(504);
    expect(text).toContain('within the 0.1 s that x-ratchet-timeout gives it');
    await first.requests[0]?.cut;
  });

  test.each([
    ['x-ratchet-timeout', '100ms'],
    ['x-stainless-timeout', '0.1'],
  ])('%s holds for a stream that does not begin', async (name, value) => {
    first.answerWith(streamOf([], { ending: 'hang' }));
    expect((await ask({ stream: true }, { [name]: value })).status).toBe(504);
  });

  test('x-ratchet-timeout holds to the end of a stream', async () => {
    first.answerWith(streamOf([delta({ content: 'Hel' })], { ending: 'hang' }));
    const { response, status, text } = await ask({ stream: true }, { 'x-ratchet-timeout': '2' });
    expect(status).toBe(200);
    expect(text).toContain('Hel');
    expect(text).toContain('x-ratchet-timeout gives it');
    expect(await harness.recordOf(response)).toMatchObject({ state: 'interrupted' });
  });

  test('x-stainless-timeout ends with the first piece', async () => {
    const pieces = ['a', 'b'].map((content) => delta({ content }));
    first.answerWith(streamOf([...pieces, finish('stop')], { pauseMs: 1_500 }));
    const { response } = await ask({ stream: true }, { 'x-stainless-timeout': '2' });
    expect(await harness.recordOf(response)).toMatchObject({ state: 'complete' });
  });

  test('no wait is longer than the caller has', async () => {
    first.answerWith(fails(503, {}, { 'retry-after': '5' }));
    const { status } = await ask({}, { 'x-ratchet-timeout': '4' });
    expect([status, first.requests.length]).toEqual([502, 1]);
  });

  test('a deadline is no fault of the provider', async () => {
    first.answerWith(silent);
    harness.say({ routing: { ...once, breaker: { failures: 1 } } });
    await ask({}, { 'x-ratchet-timeout': '0.05' });
    expect(harness.breakers).toEqual([]);
  });

  test('one that cannot be read is refused', async () => {
    expect((await ask({}, { 'x-ratchet-timeout': 'soon' })).status).toBe(400);
  });

  test("the provider's: who does not begin in time is passed over, asked once", async () => {
    first.answerWith(streamOf([], { ending: 'hang' }));
    harness.say({ routes: both, providers: { wire: { timeout_seconds: 0.05 } } });
    for (const stream of [true, false]) {
      const { provider, header } = await ask({ model: 'r', stream });
      expect([provider, header('x-ratchet-tries')]).toEqual(['spare', '2']);
    }
    const { status, text } = await ask({ stream: true });
    expect(status).toBe(504);
    expect(text).toContain('raise providers.wire.timeout_seconds');
  });
});

describe('limits', () => {
  test('of calls a minute: the next in line is asked, and without one the client is told when', async () => {
    harness.say({ routes: both, providers: { wire: { limits: { requests_per_minute: 2 } } } });
    const asked = [await ask({ model: 'r' }), await ask({ model: 'r' }), await ask({ model: 'r' })];
    expect(asked.map(({ provider }) => provider)).toEqual(['wire', 'wire', 'spare']);
    expect(asked[2]?.header('x-ratchet-attempts')).toBe('wire/tiny=RateLimited');
    expect(asked[2]?.header('x-ratchet-tries')).toBe('1');
    const { status, header, text } = await ask();
    expect([status, header('retry-after'), header('x-ratelimit-limit-requests')]).toEqual([429, '60', null]);
    expect(text).toContain('The provider wire may use 2 requests a minute');
    now += 61_000;
    expect((await ask()).status).toBe(200);
  });

  test('of tokens a minute, for one model', async () => {
    harness.say({ models: { 'wire/tiny': { limits: { tokens_per_minute: 10 } } } });
    expect((await ask()).status).toBe(200);
    expect((await ask()).text).toContain('The model wire/tiny may use 10 tokens a minute');
    expect((await ask({ model: 'wire/other' })).status).toBe(200);
  });

  test('of calls at one time: the last in line is waited for', async () => {
    const answers: (() => void)[] = [];
    first.answerWith(async (request, response) => {
      await new Promise<void>((resolve) => answers.push(resolve));
      await whole('Hello')(request, response);
    });
    harness.say({ routes: both, providers: { wire: { limits: { concurrent: 1 } } } });
    const one = ask();
    await expect.poll(() => answers.length, patient).toBe(1);
    expect((await ask({ model: 'r' })).provider).toBe('spare');
    const waiting = ask();
    const impatient = await ask({}, { 'x-ratchet-timeout': '0.05' });
    expect([504, 429]).toContain(impatient.status);
    expect(first.requests).toHaveLength(1);
    answers[0]?.();
    expect((await one).status).toBe(200);
    await expect.poll(() => answers.length, patient).toBe(2);
    answers[1]?.();
    expect((await waiting).status).toBe(200);
    expect(harness.lanes.view().map(({ inFlight }) => inFlight)).toEqual([0, 0]);
  });
});

describe('a breaker', () => {
  const routing = { ...once, breaker: { failures: 2, seconds: 20 } };

  test('opens, sends calls on, lets one look, and closes', async () => {
    first.answerWith(fails(500, {}));
    harness.say({ routes: both, routing });
    await ask({ model: 'r' });
    await ask({ model: 'r' });
    expect(harness.breakers).toEqual(['wire/tiny open']);
    const { provider, header } = await ask({ model: 'r' });
    expect([provider, header('x-ratchet-tries'), first.requests.length]).toEqual(['spare', '1', 2]);
    expect(harness.lanes.view()[0]).toMatchObject({ model: 'tiny', breaker: 'open', failures: 2, waitMs: 20_000 });
    const alone = await ask();
    expect([alone.status, alone.header('retry-after')]).toEqual([503, '20']);
    expect(alone.text).toContain('wire/tiny has failed 2 times in a row and is left alone for another 20 s.');
    now += 20_000;
    await ask({ model: 'r' });
    expect(first.requests).toHaveLength(3);
    await ask({ model: 'r' });
    expect(first.requests).toHaveLength(3);
    now += 20_000;
    first.answerWith(whole('Hello'));
    expect((await ask({ model: 'r' })).provider).toBe('wire');
    expect(harness.breakers).toEqual(['wire/tiny open', 'wire/tiny closed']);
  });

  test('counts streams that break, and not what is refused', async () => {
    harness.say({ routing });
    first.answerWith(streamOf([delta({ content: 'Hel' })], { ending: 'cut', pauseMs: 10 }));
    await ask({ stream: true });
    await harness.gateway.settled();
    first.answerWith(fails(400, {}));
    await ask();
    first.answerWith(streamOf([delta({ content: 'Hel' })], { ending: 'cut', pauseMs: 10 }));
    await ask({ stream: true });
    await harness.gateway.settled();
    expect(harness.breakers).toEqual([]);
    await ask({ stream: true });
    await harness.gateway.settled();
    expect(harness.breakers).toEqual(['wire/tiny open']);
  });

  test('is for one model: another of the provider is asked', async () => {
    harness.say({ routing });
    first.answerWith(fails(500, {}));
    await ask();
    await ask();
    first.answerWith(whole('Hello'));
    expect((await ask()).status).toBe(503);
    expect((await ask({ model: 'wire/other' })).status).toBe(200);
  });

  test('of a provider that does not run lets a look through, since that costs nothing', async () => {
    const gone = await startWireServer();
    const own = await openRoutedHarness({ providers: [wireProvider(gone.url, 'gone')], clock: () => now });
    own.say({ routing });
    await gone.close();
    const messages = [{ role: 'user', content: 'Hi' }];
    for (let call = 0; call < 4; call += 1) {
      const response = await own.chat({ model: 'gone/tiny', messages });
      expect([response.status, await response.text()]).toEqual([502, expect.stringContaining('does not answer')]);
    }
    expect(own.breakers).toEqual(['gone/tiny open']);
    await own.close();
  });
});

describe('deployments', () => {
  const route = (strategy: string, more: object = {}) => ({
    r: { model: 'wire/tiny', deployments: [{ model: 'spare/tiny', ...more }], strategy },
  });

  test('the least busy is asked', async () => {
    let answer: () => void = () => undefined;
    first.answerWith(async (request, response) => {
      await new Promise<void>((resolve) => (answer = resolve));
      await whole('Hello')(request, response);
    });
    harness.say({ routes: route('least-busy') });
    const busy = ask({ model: 'r' });
    await expect.poll(() => first.requests.length, patient).toBe(1);
    expect((await ask({ model: 'r' })).provider).toBe('spare');
    answer();
    expect((await busy).provider).toBe('wire');
  });

  test('the one that used fewest tokens lately is asked', async () => {
    harness.say({ routes: route('usage') });
    const asked = [];
    for (let call = 0; call < 4; call += 1) asked.push((await ask({ model: 'r' })).provider);
    expect(asked).toEqual(['wire', 'spare', 'wire', 'spare']);
  });

  test('the cheapest is asked, and one without a price last', async () => {
    const providers = { wire: { locality: 'remote' }, spare: { locality: 'remote' } };
    harness.say({ providers, routes: route('cost'), prices: { 'spare/tiny': { input: 1, output: 1 } } });
    const { provider, header } = await ask({ model: 'r' });
    expect([provider, header('x-ratchet-route'), header('x-ratchet-cost')]).toEqual(['spare', 'r', '0.00001']);
  });

  test('each is measured once, then the fastest is asked', async () => {
    const own = await openRoutedHarness({
      providers: [wireProvider(first.url), wireProvider(second.url, 'spare')],
      random: () => 0.5,
    });
    own.say({ routes: route('latency') });
    first.answerWith(async (request, response) => {
      await new Promise((resolve) => setTimeout(resolve, 600));
      await whole('Hello')(request, response);
    });
    const asked = [];
    for (let call = 0; call < 4; call += 1) {
      const response = await own.chat({ model: 'r', messages: [{ role: 'user', content: 'Hi' }] });
      await response.text();
      await own.gateway.settled();
      asked.push(response.headers.get('x-ratchet-provider'));
    }
    expect(asked).toEqual(['wire', 'spare', 'spare', 'spare']);
    await own.close();
  });

  test.each<[string, JsonObject, Record<string, string>]>([
    ['a header', {}, { 'x-ratchet-tags': 'other, paid' }],
    ['metadata', { metadata: { tags: ['paid'] } }, {}],
  ])('tags in %s choose', async (_name, more, headers) => {
    harness.say({ routes: route('order', { tags: ['paid'] }) });
    expect((await ask({ model: 'r' })).provider).toBe('wire');
    expect((await ask({ model: 'r', ...more }, headers)).provider).toBe('spare');
    const { status, text } = await ask({ model: 'r' }, { 'x-ratchet-tags': 'nobody' });
    expect(status).toBe(404);
    expect(text).toContain('wire/tiny was not asked: it has none of the tags nobody.');
  });

  test('one that fails is followed by the others, then by the fallbacks', async () => {
    first.answerWith(fails(500, {}));
    harness.say({
      routing: once,
      routes: { r: { model: 'wire/a', deployments: [{ model: 'wire/b' }], fallback: ['spare/tiny'] } },
    });
    const { provider, header } = await ask({ model: 'r' });
    expect([provider, header('x-ratchet-attempts')]).toEqual([
      'spare',
      'wire/a=ProviderUnavailable, wire/b=ProviderUnavailable',
    ]);
  });
});

describe('what holds for every call', () => {
  test('a fallback for what no route names', async () => {
    first.answerWith(fails(500, {}));
    harness.say({ routing: { ...once, fallback: ['spare/tiny'] }, routes: { r: { model: 'wire/tiny' } } });
    expect((await ask()).provider).toBe('spare');
    expect((await ask({ model: 'r' })).status).toBe(502);
  });

  test('a fallback does not leave this machine unless it may', async () => {
    first.answerWith(fails(500, {}));
    const providers = { spare: { locality: 'remote' } };
    harness.say({ providers, routing: { ...once, fallback: ['spare/tiny'] } });
    const { status, text } = await ask();
    expect(status).toBe(502);
    expect(text).toContain('spare/tiny was not asked: chats with local models stay on this machine.');
    harness.say({ providers, routing: { ...once, fallback: ['spare/tiny'], egress: 'allow' } });
    expect((await ask()).provider).toBe('spare');
  });

  test.each([
    ['spare', 'tiny'],
    ['spare/other', 'other'],
  ])('force %s: everything goes there, and the headers say what was asked for', async (force, model) => {
    harness.say({ routing: { force }, routes: both });
    for (const asked of ['wire/tiny', 'r', 'tiny']) {
      const { provider, header } = await ask({ model: asked });
      expect([provider, header('x-ratchet-model')]).toEqual(['spare', model]);
      expect([header('x-ratchet-forced'), header('x-ratchet-asked')]).toEqual([force, asked]);
    }
    expect(first.requests).toEqual([]);
  });

  test('force sends no local chat elsewhere unless it may', async () => {
    const providers = { spare: { locality: 'remote' } };
    harness.say({ providers, routing: { force: 'spare' } });
    for (const model of ['wire/tiny', 'nobody-knows-it']) {
      const { status, text } = await ask({ model });
      expect(status).toBe(403);
      expect(text).toContain(
        'routing.force sends every call to spare, and it was not asked: chats with local models stay on this machine.',
      );
    }
    harness.say({ providers, routing: { force: 'spare', egress: 'allow' } });
    expect((await ask()).provider).toBe('spare');
  });

  test('force keeps what the strictest of both says', async () => {
    harness.say({ providers: { wire: { record: 'none' } }, routing: { force: 'spare' } });
    await ask();
    expect(harness.facts.at(-1)).toMatchObject({ provider: 'spare', record: 'none' });
  });

  test('an alias is the model that it stands for', async () => {
    harness.say({ aliases: { fast: 'spare/other' } });
    expect((await ask({ model: 'fast' })).header('x-ratchet-model')).toBe('other');
    const { data } = (await (await harness.app.request('/v1/models')).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining(['fast', 'wire/tiny', 'spare/other']));
  });

  test('a stream of a bare name', async () => {
    const response = await harness.chat({ model: 'other', stream: true, messages: [{ role: 'user', content: 'Hi' }] });
    expect((await dataLines(response)).at(-1)).toBe('[DONE]');
    expect(response.headers.get('x-ratchet-provider')).toBe('spare');
  });
});
