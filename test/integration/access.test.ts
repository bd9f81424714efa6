import OpenAI, { AuthenticationError, RateLimitError } from 'openai';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Harness, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type WireServer, delta, fails, startWireServer, whole } from '../fixtures/wire-server.ts';

const rootKey = 'the-root-key-of-this-test';
/** What every call costs, in billionths of a US dollar. */
const price = 0.4e9;
let wire: WireServer;
let harness: Harness;
let url: string;
/** What was logged. */
let logged: string[];
/** What the limits take for the time, in ms. */
const time = { now: 1_000_000 };

beforeAll(async () => {
  wire = await startWireServer(['tiny', 'small'], whole('Hello'));
});
afterAll(() => wire.close());
beforeEach(async () => {
  wire.requests.splice(0);
  wire.answerWith(whole('Hello'));
  logged = [];
  harness = await openHarness({
    log: pino({ level: 'info' }, { write: (line) => void logged.push(line) }),
    providers: [wireProvider(wire.url)],
    apiKey: rootKey,
    clock: () => time.now,
    gateway: { prices: { cost: () => price, missed: () => {} } },
  });
  url = await harness.serve();
});
afterEach(() => harness.close());

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function send(key: string, method: string, path: string, body?: object): Promise<Answer> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const response = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Creates a key and returns what its holder sends. */
async function keyOf(name: string, more: object = {}): Promise<{ id: string; key: string }> {
  const { status, body } = await send(rootKey, 'POST', '/api/keys', { name, role: 'rate', ...more });
  expect(status).toBe(201);
  return body as { id: string; key: string };
}

/** OpenAI's own client, and how many requests it made. */
function clientOf(apiKey: string, options: { maxRetries?: number; onRefused?: () => void } = {}) {
  const sent: number[] = [];
  const client = new OpenAI({
    baseURL: `${url}/v1`,
    apiKey,
    maxRetries: options.maxRetries ?? 0,
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      sent.push(response.status);
      if (response.status === 429) options.onRefused?.();
      return response;
    },
  });
  const ask = (content = 'Hi') =>
    client.chat.completions.create({ model: 'wire/tiny', messages: [{ role: 'user', content }] });
  return { sent, ask };
}

/** Reads a stream until `text` has come; at once where it is empty. */
async function readUntil({ body }: Response, text: string): Promise<void> {
  const reader = body?.getReader();
  const decoder = new TextDecoder();
  let seen = '';
  while (!seen.includes(text)) seen += decoder.decode((await reader?.read())?.value, { stream: true });
}

const idsOf = ({ body }: Answer): unknown[] => (body.items as { id: unknown }[]).map(({ id }) => id);

describe('people', () => {
  test('two people with two keys never see, rate or go on with each other’s chats', async () => {
    const [ada, bob] = [await keyOf('ada'), await keyOf('bob')];
    const mine = (await clientOf(ada.key).ask()).id;
    const theirs = (await clientOf(bob.key).ask()).id;
    await harness.gateway.settled();

    expect(idsOf(await send(ada.key, 'GET', '/api/completions'))).toEqual([mine]);
    expect(idsOf(await send(bob.key, 'GET', '/api/completions'))).toEqual([theirs]);
    const { conversation_id: conversation } = (await send(bob.key, 'GET', `/api/completions/${theirs}`)).body;
    expect((await send(ada.key, 'GET', `/api/completions/${mine}`)).body.conversation_id).not.toBe(conversation);
    expect((await send(ada.key, 'GET', `/api/completions/${theirs}`)).status).toBe(404);
    expect((await send(ada.key, 'GET', `/api/conversations/${String(conversation)}`)).status).toBe(404);
    expect((await send(ada.key, 'GET', '/api/completions?owner=bob')).status).toBe(403);
    const about = `/api/completions?conversation=${String(conversation)}`;
    expect(idsOf(await send(ada.key, 'GET', about))).toEqual([]);
    const rating = { completion_id: theirs, rating: -1 };
    expect((await send(ada.key, 'POST', '/api/feedback', rating)).status).toBe(404);

    const joined = await harness.chat(
      { model: 'wire/tiny', messages: [{ role: 'user', content: 'again' }] },
      { headers: { authorization: `Bearer ${ada.key}`, 'x-conversation-id': String(conversation) } },
    );
    await joined.text();
    await harness.gateway.settled();
    expect(idsOf(await send(bob.key, 'GET', `/api/conversations/${String(conversation)}`))).toEqual([theirs]);
    expect((await send(bob.key, 'GET', `/api/completions/${theirs}`)).body.feedback).toEqual([]);
  });

  test('two keys of one person share what is theirs; an operator sees everybody’s', async () => {
    const [laptop, phone] = [await keyOf('laptop', { owner: 'ada' }), await keyOf('phone', { owner: 'ada' })];
    const [bob, ops] = [await keyOf('bob'), await keyOf('ops', { role: 'operate' })];
    const hers = [(await clientOf(laptop.key).ask('1')).id, (await clientOf(phone.key).ask('2')).id];
    const his = (await clientOf(bob.key).ask('3')).id;
    await harness.gateway.settled();
    const list = (key: string, query = '') => send(key, 'GET', `/api/completions?order=asc${query}`).then(idsOf);
    expect(await list(laptop.key)).toEqual(hers);
    expect(await list(phone.key)).toEqual(hers);
    expect(await list(ops.key)).toEqual([...hers, his]);
    expect(await list(ops.key, '&owner=ada')).toEqual(hers);
  });

  test('the rater is the key’s owner; only an operator names another, or rates another’s answer', async () => {
    const [chatting, ada, ops] = [
      await keyOf('chatting', { role: 'chat', owner: 'ada' }),
      await keyOf('rating', { owner: 'ada' }),
      await keyOf('ops', { role: 'operate' }),
    ];
    const { id } = await clientOf(chatting.key).ask();
    await harness.gateway.settled();
    const rate = (key: string, more: object = {}) =>
      send(key, 'POST', '/api/feedback', { completion_id: id, rating: 1, ...more });
    expect((await rate(chatting.key)).status).toBe(403);
    expect((await rate(ada.key)).body).toMatchObject({ rater: 'ada' });
    expect((await rate(ada.key, { rater: 'ada' })).body).toMatchObject({ rater: 'ada' });
    const { status, body } = await rate(ada.key, { rater: 'bob' });
    expect(status).toBe(403);
    expect(body.detail).toMatch(/^Only a key with the role "operate" may name another rater, and yours has "rate"/);
    expect((await rate(ops.key)).body).toMatchObject({ rater: 'ops' });
    expect((await rate(ops.key, { rater: 'a survey' })).body).toMatchObject({ rater: 'a survey' });
    const [record] = await harness.store.feedback.ofCompletions([id]);
    expect(record).toMatchObject({ rater: 'ada' });
  });

  test('a key gets in by each of three headers, and not when it was revoked', async () => {
    const { id, key } = await keyOf('ada', { role: 'chat' });
    const body = { model: 'wire/tiny', messages: [{ role: 'user', content: 'Hi' }] };
    for (const headers of [{ authorization: `Bearer ${key}` }, { 'x-api-key': key }, { 'api-key': key }]) {
      expect((await harness.chat(body, { headers })).status).toBe(200);
    }
    expect((await send(rootKey, 'DELETE', `/api/keys/${id}`)).body.revoked_at).not.toBeNull();
    const { ask, sent } = clientOf(key, { maxRetries: 5 });
    await expect(ask()).rejects.toBeInstanceOf(AuthenticationError);
    await expect(ask()).rejects.toThrow(/This API key was revoked: ask an admin for a new one/);
    expect(sent).toEqual([401, 401]);
    const refused = await harness.chat(body, { headers: { 'x-api-key': key } });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    expect(wire.requests).toHaveLength(3);
  });

  test('a key’s chats are kept as it says, and the provider never gets it', async () => {
    const { key } = await keyOf('quiet', { record: 'meta' });
    const { id } = await clientOf(key).ask('a secret plan');
    await harness.gateway.settled();
    expect((await send(key, 'GET', `/api/completions/${id}`)).body).toMatchObject({ messages: [] });
    expect(JSON.stringify(wire.requests.map(({ headers, text }) => ({ headers, text })))).not.toContain(key);
  });
});

describe('the keys themselves', () => {
  test('a secret is shown once, and never again', async () => {
    const { id, key } = await keyOf('ci', { owner: 'ada', expires_at: '2999-01-01T00:00:00Z' });
    const rotated = (await send(rootKey, 'POST', `/api/keys/${id}/rotate`)).body.key as string;
    const shown = await Promise.all(
      ['/api/keys', `/api/keys/${id}`].map((path) =>
        send(rootKey, 'GET', path).then((one) => JSON.stringify(one.body)),
      ),
    );
    for (const text of shown) {
      expect(text).toContain('"owner":"ada"');
      expect(text).toContain('"expires_at":"2999-01-01T00:00:00.000Z"');
      for (const secret of [key, rotated]) expect(text).not.toContain(secret.slice(-43));
      expect(text).not.toMatch(/hash/i);
    }
  });

  test('the log tells who did what to which key, and no secret', async () => {
    const ada = await keyOf('ada', { role: 'admin' });
    const { id, key } = (await send(ada.key, 'POST', '/api/keys', { name: 'ci', owner: 'bob' })).body as {
      id: string;
      key: string;
    };
    await send(ada.key, 'PATCH', `/api/keys/${id}`, { role: 'rate', requests_per_minute: 5 });
    const rotated = (await send(rootKey, 'POST', `/api/keys/${id}/rotate`)).body.key as string;
    await send(ada.key, 'PUT', '/api/teams/red', { tokens_per_minute: 15 });
    await send(ada.key, 'DELETE', `/api/keys/${id}`);
    expect((await send(ada.key, 'DELETE', '/api/keys/nobody')).status).toBe(404);
    const byAda = { request: expect.any(String) as string, by: { owner: 'ada', key: ada.id } };
    const ci = { id, name: 'ci', owner: 'bob', role: 'rate' };
    const lines = logged.map((line) => JSON.parse(line) as { msg: string });
    expect(lines.filter(({ msg }) => /^an? (API key|team) was/.test(msg))).toMatchObject([
      { msg: 'an API key was issued', by: { owner: 'local', key: null }, key: { id: ada.id, name: 'ada' } },
      { msg: 'an API key was issued', ...byAda, key: { ...ci, role: 'chat' } },
      { msg: 'an API key was changed', ...byAda, key: ci, fields: ['role', 'requests_per_minute'] },
      { msg: 'an API key was rotated', by: { owner: 'local', key: null }, key: ci },
      { msg: 'a team was set', ...byAda, team: 'red' },
      { msg: 'an API key was revoked', ...byAda, key: ci },
    ]);
    for (const secret of [ada.key, key, rotated, rootKey]) expect(logged.join('')).not.toContain(secret.slice(-20));
    expect(logged.join('')).not.toMatch(/hash/i);
  });

  test('what is changed is in force for the next request', async () => {
    const { id, key } = await keyOf('ci', { role: 'chat' });
    expect((await send(key, 'GET', '/api/completions')).status).toBe(403);
    const changed = await send(rootKey, 'PATCH', `/api/keys/${id}`, { role: 'rate', requests_per_minute: 5 });
    expect(changed.body).toMatchObject({ role: 'rate', requests_per_minute: 5, tokens_per_minute: null, budget: null });
    expect((await send(key, 'GET', '/api/completions')).status).toBe(200);
    const back = await send(rootKey, 'PATCH', `/api/keys/${id}`, { requests_per_minute: null, tokens_per_minute: 9 });
    expect(back.body).toMatchObject({ role: 'rate', requests_per_minute: null, tokens_per_minute: 9 });
  });

  test.each<[object, RegExp]>([
    [{}, /name/],
    [{ name: '' }, /name: use 1 to 64/],
    [{ name: 'a', role: 'root' }, /role/],
    [{ name: 'a', requests_per_minute: 0 }, /requests_per_minute/],
    [{ name: 'a', budget: { limit_usd: -1, per: 'day' } }, /budget\.limit_usd/],
    [{ name: 'a', budget: { limit_usd: 1, per: 'week' } }, /budget\.per/],
    [{ name: 'a', budget: { limit_usd: 1, per: 'day', over: 'small' } }, /budget\.over: use "stop" or a model ref/],
    [{ name: 'a', expires_at: '2001-01-01T00:00:00Z' }, /expires_at: is in the past/],
    [{ name: 'a', secret: 'mine' }, /secret/],
  ])('a bad key is refused with its fault: %j', async (body, fault) => {
    const { status, body: problem } = await send(rootKey, 'POST', '/api/keys', body);
    expect(status).toBe(400);
    expect(problem.detail).toMatch(fault);
  });

  test('a name is taken once, and a team must be there', async () => {
    await keyOf('ci');
    expect((await send(rootKey, 'POST', '/api/keys', { name: 'ci' })).status).toBe(409);
    expect((await send(rootKey, 'POST', '/api/keys', { name: 'x', team: 'red' })).status).toBe(404);
    expect((await send(rootKey, 'PUT', '/api/teams/red', {})).status).toBe(200);
    expect((await send(rootKey, 'POST', '/api/keys', { name: 'x', team: 'red' })).status).toBe(201);
    expect((await send(rootKey, 'PATCH', '/api/keys/nobody', { role: 'chat' })).status).toBe(404);
  });
});

describe('limits', () => {
  test('OpenAI’s client waits as it is told, and gets its answer', async () => {
    const { key } = await keyOf('ci', { requests_per_minute: 2 });
    const { ask, sent } = clientOf(key, { maxRetries: 2, onRefused: () => (time.now += 1_000) });
    await ask();
    await ask();
    time.now += 60_000;
    await ask();
    expect(sent).toEqual([200, 200, 429, 200]);
    expect(wire.requests).toHaveLength(3);
  });

  test('a refused call says what the limit is, and reaches no provider and no record', async () => {
    const { key } = await keyOf('ci', { requests_per_minute: 1, tokens_per_minute: 1_000 });
    const { ask } = clientOf(key);
    const answer = await ask().withResponse();
    await harness.gateway.settled();
    expect(Object.fromEntries(answer.response.headers)).toMatchObject({
      'x-ratelimit-limit-requests': '1',
      'x-ratelimit-remaining-requests': '0',
      'x-ratelimit-limit-tokens': '1000',
      'x-ratelimit-remaining-tokens': '1000',
    });
    const refused = await ask().catch((error: unknown) => error as RateLimitError);
    if (!(refused instanceof RateLimitError)) throw new Error('it was let in');
    expect(refused.error).toMatchObject({ code: 'RateLimited', type: 'rate_limit_error' });
    expect(refused.headers.get('retry-after')).toBe('60');
    expect(refused.headers.get('x-ratelimit-remaining-tokens')).toBe('990');
    expect(wire.requests).toHaveLength(1);
    expect(idsOf(await send(key, 'GET', '/api/completions'))).toHaveLength(1);
  });

  test('keys of a team share its limits, of tokens too', async () => {
    await send(rootKey, 'PUT', '/api/teams/red', { tokens_per_minute: 15 });
    const [ada, bob] = [await keyOf('ada', { team: 'red' }), await keyOf('bob', { team: 'red' })];
    await clientOf(ada.key).ask();
    await harness.gateway.settled();
    await clientOf(bob.key).ask();
    await harness.gateway.settled();
    await expect(clientOf(ada.key).ask()).rejects.toThrow(/The team "red" may use 15 tokens a minute: wait \d+ s/);
  });

  test.each<[string, string[], number]>([
    ['before the first word', [], 100],
    ['after some', ['x'.repeat(200), 'y'.repeat(191)], 200],
  ])('who leaves a stream %s is charged by an estimate, which is not recorded', async (_when, said, estimate) => {
    const { key } = await keyOf('ci', { tokens_per_minute: 1_000 });
    wire.answerWith(async (request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      for (const content of said) response.write(`data: ${JSON.stringify(delta({ content }))}\n\n`);
      await request.cut;
    });
    const leaving = new AbortController();
    const { signal } = leaving;
    const body = { model: 'wire/tiny', messages: [{ role: 'user', content: 'z'.repeat(387) }], stream: true };
    const response = await harness.chat(body, { signal, headers: { authorization: `Bearer ${key}` } });
    await readUntil(response, said.at(-1) ?? '');
    leaving.abort();
    await wire.requests.at(-1)?.cut;
    expect(await harness.recordOf(response)).toMatchObject({
      state: 'interrupted',
      promptTokens: null,
      completionTokens: null,
    });
    wire.answerWith(whole('Hello'));
    const next = await clientOf(key).ask().withResponse();
    expect(next.response.headers.get('x-ratelimit-remaining-tokens')).toBe(String(1_000 - estimate));
  });

  test('a provider that only failed is not charged for', async () => {
    const { key } = await keyOf('ci', { tokens_per_minute: 1_000 });
    wire.answerWith(fails(503, { error: { message: 'down' } }));
    await expect(clientOf(key).ask()).rejects.toMatchObject({ status: 502 });
    await harness.gateway.settled();
    wire.answerWith(whole('Hello'));
    const { response } = await clientOf(key).ask().withResponse();
    expect(response.headers.get('x-ratelimit-remaining-tokens')).toBe('1000');
  });

  test('a spent budget stops, and the client does not try again', async () => {
    const { id, key } = await keyOf('ci', { budget: { limit_usd: 0.8, per: 'day' } });
    const { ask, sent } = clientOf(key, { maxRetries: 5 });
    for (let n = 0; n < 2; n += 1) {
      await ask();
      await harness.gateway.settled();
    }
    await expect(ask()).rejects.toMatchObject({ status: 429, type: 'insufficient_quota', code: 'BudgetSpent' });
    expect(sent).toEqual([200, 200, 429]);
    const { body } = await send(rootKey, 'GET', `/api/keys/${id}`);
    expect(body.budget).toEqual({ limit_usd: 0.8, per: 'day', over: 'stop', spent_usd: 0.8 });
    expect(body.last_used_at).not.toBeNull();
    await send(rootKey, 'PATCH', `/api/keys/${id}`, { budget: { limit_usd: 2, per: 'day' } });
    await ask();
  });

  test('a spent budget falls back to the model that it names', async () => {
    const { key } = await keyOf('ci', { budget: { limit_usd: 0.4, per: 'total', over: 'wire/small' } });
    const { ask } = clientOf(key);
    await ask();
    await harness.gateway.settled();
    const { response } = await ask().withResponse();
    expect(response.headers.get('x-ratchet-model')).toBe('small');
    expect(response.headers.get('x-ratchet-attempts')).toBe('wire/tiny=BudgetSpent');
    await harness.gateway.settled();
    const attempt = { provider: 'wire', model: 'tiny', code: 'BudgetSpent' };
    const id = response.headers.get('x-ratchet-completion-id') ?? '';
    expect(await harness.store.chats.get(id)).toMatchObject({ model: 'small', attempts: [attempt] });
    expect(wire.requests.map(({ body }) => body.model)).toEqual(['tiny', 'small']);
  });

  test('another process on the same store knows what was spent', async () => {
    const { key, id } = await keyOf('ci', { budget: { limit_usd: 0.4, per: 'month' } });
    await clientOf(key).ask();
    await harness.gateway.settled();
    const { openDoors } = await import('../../src/gateway/access/open.ts');
    const other = await openDoors({ store: harness.store, rootKey, log: { warn: () => {} } });
    expect(other.limits.spentByKey(id)).toBe(price);
    expect(() => other.limits.admit(other.access.authenticate(`Bearer ${key}`))).toThrow(/has spent its budget/);
    await other.close();
  });

  test('a key of which nothing is kept pays all the same', async () => {
    const { key, id } = await keyOf('quiet', { record: 'none', budget: { limit_usd: 0.4, per: 'day' } });
    await clientOf(key).ask();
    await harness.gateway.settled();
    await expect(clientOf(key).ask()).rejects.toMatchObject({ code: 'BudgetSpent' });
    await expect.poll(() => harness.store.usage.sum({ keyId: id }, [])).toMatchObject([{ costNanos: price }]);
    await harness.doors.limits.refresh();
    expect(harness.doors.limits.spentByKey(id)).toBe(price);
    expect(idsOf(await send(key, 'GET', '/api/completions'))).toEqual([]);
  });
});
