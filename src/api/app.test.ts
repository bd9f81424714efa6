import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Harness, openHarness, postJson, wireProvider } from '../../test/fixtures/gateway-harness.ts';
import { type WireServer, startWireServer, whole } from '../../test/fixtures/wire-server.ts';

const apiKey = 'a-key-of-enough-letters';
let wire: WireServer;
let harness: Harness;

beforeAll(async () => {
  wire = await startWireServer(['tiny'], whole('Hello'));
  harness = await openHarness({ providers: [wireProvider(wire.url)] });
});
afterAll(async () => {
  await harness.close();
  await wire.close();
});

/** Asks once and returns the completion's id. */
async function askOnce(
  content: string,
  headers: Record<string, string> = {},
): Promise<{ id: string; conversation: string }> {
  const body = { model: 'wire/tiny', messages: [{ role: 'user', content }] };
  const response = await harness.chat(body, { headers });
  const { id } = (await response.json()) as { id: string };
  return { id, conversation: response.headers.get('x-conversation-id') ?? '' };
}

const get = async (path: string): Promise<unknown> => (await harness.app.request(path)).json();

describe('who gets in', () => {
  test.each([
    [{ host: 'localhost:7777' }, 200],
    [{ host: '127.0.0.1:7777' }, 200],
    [{ host: '[::1]:7777' }, 200],
    [{ host: 'evil.example' }, 403],
    [{ host: '127.0.0.1.evil.example:7777' }, 403],
    [{ host: 'localhost:7777', origin: 'http://localhost:7777' }, 200],
    [{ host: 'localhost:7777', origin: 'http://localhost:3000' }, 403],
    [{ host: 'localhost:7777', origin: 'https://evil.example' }, 403],
    [{ host: 'localhost:7777', origin: 'null' }, 403],
    [{ host: 'localhost:7777', 'sec-fetch-site': 'same-origin' }, 200],
    [{ host: 'localhost:7777', 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }, 200],
    [{ host: 'localhost:7777', 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate' }, 200],
    [{ host: 'localhost:7777', 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'no-cors' }, 403],
    [{ host: 'localhost:7777', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' }, 403],
  ])('%j: %i', async (headers, status) => {
    const response = await harness.app.request('/api/completions', { headers });
    expect(response.status).toBe(status);
    if (status === 403) expect(await response.json()).toMatchObject({ code: 'Unauthorized', status: 403 });
  });

  test('only those with the key, where one is set', async () => {
    const guarded = await openHarness({ providers: [], apiKey, host: '0.0.0.0' });
    const ask = async (path: string, authorization?: string): Promise<number> => {
      const headers = { host: 'box.lan:7777', ...(authorization && { authorization }) };
      return (await guarded.app.request(path, { headers })).status;
    };
    for (const path of ['/api/completions', '/v1/models']) {
      expect(await ask(path)).toBe(401);
      expect(await ask(path, 'Bearer wrong')).toBe(401);
      expect(await ask(path, apiKey)).toBe(401);
      expect(await ask(path, `Bearer ${apiKey}`)).toBe(200);
    }
    expect(await ask('/healthz')).toBe(200);
    await guarded.close();
  });
});

describe('errors', () => {
  test('problem details on /api, with what to do', async () => {
    const response = await harness.app.request('/api/completions/none');
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      type: 'urn:ratchet:error:NotFound',
      title: 'Not Found',
      status: 404,
      code: 'NotFound',
      detail: expect.stringMatching('none') as string,
      advice: expect.any(String) as string,
    });
  });

  test.each<[unknown, string]>([
    [[], 'body'],
    [{ messages: [{ role: 'user' }] }, 'model'],
    [{ model: 'active', messages: 'x' }, 'messages'],
    [{ model: 'active', messages: [] }, 'messages'],
    [{ model: 'active', messages: [{ role: 'user' }, {}] }, 'messages[1]'],
    [{ model: 'active', messages: [{ role: 'user' }], stream: 'yes' }, 'stream'],
  ])('the OpenAI shape on /v1: %j', async (body, named) => {
    const response = await harness.post('/v1/chat/completions', body);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error).toMatchObject({ code: 'InvalidInput', type: 'invalid_request_error' });
    expect(error.message.toLowerCase()).toContain(named);
  });

  test('what is not JSON, too large, or nowhere', async () => {
    const url = await harness.serve();
    const send = (body: string) => fetch(`${url}/v1/chat/completions`, { method: 'POST', body });
    expect((await send('{"model"')).status).toBe(400);
    expect((await send('x'.repeat(32 * 2 ** 20 + 1))).status).toBe(413);
    const json = { 'content-type': 'application/json' };
    const broken = await harness.app.request('/api/feedback', { method: 'POST', body: '{', headers: json });
    expect(broken.status).toBe(400);
    expect(await get('/v1/nothing')).toMatchObject({ error: { code: 'NotFound' } });
    expect(await get('/api/nothing')).toMatchObject({ code: 'NotFound' });
  });

  test('a conversation id that is none', async () => {
    const response = await harness.chat(
      { model: 'wire/tiny', messages: [{ role: 'user' }] },
      { headers: { 'x-conversation-id': 'a b' } },
    );
    expect(response.status).toBe(400);
  });
});

describe('completions, conversations and feedback', () => {
  beforeEach(async () => {
    await harness.close();
    harness = await openHarness({ providers: [wireProvider(wire.url)] });
  });

  test('a chat is found, rated, and then no longer among the unrated', async () => {
    const { id, conversation } = await askOnce('Hi');
    expect(await get(`/api/completions/${id}`)).toMatchObject({
      id,
      conversation_id: conversation,
      state: 'complete',
      messages: [{ role: 'user', content: 'Hi' }],
      choices: [{ index: 0, message: { content: 'Hello' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 7, completion_tokens: 3 },
      feedback: [],
    });
    expect(await get('/api/completions?rated=false')).toMatchObject({ items: [{ id }], next: null });
    const given = { completion_id: id, rating: -1, correction: 'Hello!', comment: 'shout' };
    const response = await postJson(harness.app, '/api/feedback', given);
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({
      ...given,
      correction: { role: 'assistant', content: 'Hello!' },
      source: 'api',
    });
    expect(await get('/api/completions?rated=false')).toEqual({ items: [], next: null });
    expect(await get('/api/completions?rated=true&provider=wire')).toMatchObject({
      items: [{ id, feedback: [{ rating: -1 }] }],
    });
    expect(await get('/api/completions?provider=other')).toEqual({ items: [], next: null });
  });

  test.each([
    [{}, /completion_id/],
    [{ completion_id: 'x', rating: 2 }, /rating/],
    [{ completion_id: 'x', ratting: 1 }, /ratting/],
  ])('feedback %j names its fault', async (body, fault) => {
    const response = await postJson(harness.app, '/api/feedback', body);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { detail: string }).detail).toMatch(fault);
  });

  test('pages by cursor, in either order', async () => {
    const ids: string[] = [];
    for (const text of ['1', '2', '3']) ids.push((await askOnce(text)).id);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = (await get(`/api/completions?limit=2&order=asc${cursor && `&cursor=${cursor}`}`)) as {
        items: { id: string }[];
        next: string | null;
      };
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next;
    }
    expect(seen).toEqual(ids);
    expect((await get('/api/completions?limit=1')) as object).toMatchObject({ items: [{ id: ids[2] }] });
    expect((await harness.app.request('/api/completions?limit=0')).status).toBe(400);
  });

  test('a conversation is joined by its header and read in order', async () => {
    const first = await askOnce('one');
    const second = await askOnce('two', { 'x-conversation-id': first.conversation });
    expect(second.conversation).toBe(first.conversation);
    expect(await get(`/api/conversations/${first.conversation}`)).toMatchObject({
      items: [{ id: first.id }, { id: second.id }],
    });
    expect((await harness.app.request('/api/conversations/none')).status).toBe(404);
  });
});

test('health and providers', async () => {
  expect(await get('/api/health')).toMatchObject({ version: '0.0.0', parts: { store: { state: 'green' }, disk: {} } });
  expect(await get('/api/providers')).toMatchObject({
    items: [{ name: 'wire', kind: 'openai', locality: 'local', state: 'green', models: 1, version: null }],
  });
});

test('openapi.json says which key a route asks for', async () => {
  const { paths, components } = (await get('/openapi.json')) as {
    paths: Record<string, Record<string, object>>;
    components: { schemas: object; securitySchemes: object };
  };
  expect(paths['/api/keys']?.post).toMatchObject({ 'x-role': 'admin', security: [{ key: [] }] });
  expect(paths['/v1/chat/completions']?.post).toMatchObject({ 'x-role': 'chat' });
  expect(components.securitySchemes).toEqual({ key: { type: 'http', scheme: 'bearer' } });
  expect(components.schemas).toHaveProperty('ApiKey');
});

test('openapi.json describes every route', async () => {
  const { paths } = (await get('/openapi.json')) as { paths: Record<string, unknown> };
  expect(Object.keys(paths).sort()).toEqual([
    '/api/completions',
    '/api/completions/export',
    '/api/completions/import',
    '/api/completions/{id}',
    '/api/conversations',
    '/api/conversations/{id}',
    '/api/feedback',
    '/api/feedback/{id}/undo',
    '/api/health',
    '/api/import',
    '/api/keys',
    '/api/keys/{id}',
    '/api/keys/{id}/rotate',
    '/api/providers',
    '/api/signals',
    '/api/teams',
    '/api/teams/{name}',
    '/feedback',
    '/v1/chat/completions',
    '/v1/completions',
    '/v1/embeddings',
    '/v1/models',
    '/v1/responses',
  ]);
});
