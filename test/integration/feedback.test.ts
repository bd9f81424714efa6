import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import { type Harness, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type WireServer, startWireServer } from '../fixtures/wire-server.ts';

let wire: WireServer;
let harness: Harness;
const admin = 'a-root-key-of-enough-letters';

beforeAll(async () => {
  wire = await startWireServer();
  harness = await openHarness({ providers: [wireProvider(wire.url)], apiKey: admin });
});
afterAll(async () => {
  await harness.close();
  await wire.close();
});

const as = (key: string, more: Record<string, string> = {}) => ({
  headers: { authorization: `Bearer ${key}`, ...more },
});

/** Makes a key that may rate, for an owner. */
async function keyOf(owner: string): Promise<string> {
  const name = `${owner}-${Math.random().toString(36).slice(2)}`;
  const response = await harness.post('/api/keys', { name, owner, role: 'rate' }, as(admin));
  return ((await response.json()) as { key: string }).key;
}

async function chat(key = admin): Promise<{ id: string; conversation: string }> {
  const messages = [{ role: 'user', content: `Hi ${Math.random()}` }];
  const response = await harness.chat({ model: 'wire/tiny', messages }, as(key));
  const { id, conversationId } = await harness.recordOf(response);
  return { id, conversation: conversationId };
}

async function post(path: string, body: JsonObject, init = as(admin)): Promise<{ status: number; body: JsonObject }> {
  const response = await harness.post(path, body, init);
  return { status: response.status, body: (await response.json()) as JsonObject };
}

const rate = (body: JsonObject, init = as(admin)) => post('/api/feedback', body, init);
const eventsOf = (id: string) => harness.store.feedback.ofCompletions([id]);

describe('the same event twice', () => {
  test('is one, by its key or the header Idempotency-Key', async () => {
    const { id } = await chat();
    const first = await rate({ completion_id: id, rating: 1, key: 'k1' });
    expect(first.status).toBe(201);
    expect((await rate({ completion_id: id, rating: 1, key: 'k1' })).body).toEqual(first.body);
    const header = as(admin, { 'idempotency-key': 'k2' });
    const second = await rate({ completion_id: id, rating: -1 }, header);
    expect((await rate({ completion_id: id, rating: -1 }, header)).body.id).toBe(second.body.id);
    expect(await eventsOf(id)).toHaveLength(2);
  });

  test('sent at once is one as well', async () => {
    const { id } = await chat();
    const sent = await Promise.all(Array.from({ length: 8 }, () => rate({ completion_id: id, score: 0.5, key: 'k3' })));
    expect(new Set(sent.map(({ body }) => body.id)).size).toBe(1);
    expect(await eventsOf(id)).toHaveLength(1);
  });

  test('a key for something else is a conflict; another rater may use it', async () => {
    const { id } = await chat();
    await rate({ completion_id: id, rating: 1, key: 'k4' });
    const other = await rate({ completion_id: id, rating: -1, key: 'k4' });
    expect(other).toMatchObject({ status: 409, body: { detail: expect.stringMatching(/key "k4" to other feedback/) } });
    expect((await rate({ completion_id: id, rating: -1, key: 'k4', rater: 'bob' })).status).toBe(201);
  });
});

describe('taking back', () => {
  test('is a new event, once; it can be taken back too', async () => {
    const { id } = await chat();
    const { body: event } = await rate({ completion_id: id, rating: 1 });
    const undone = await post(`/api/feedback/${String(event.id)}/undo`, {});
    expect(undone).toMatchObject({ status: 201, body: { undoes: event.id, rating: null } });
    expect((await post(`/api/feedback/${String(event.id)}/undo`, {})).body.id).toBe(undone.body.id);
    expect((await post(`/api/feedback/${String(undone.body.id)}/undo`, {})).status).toBe(201);
    expect(await eventsOf(id)).toHaveLength(3);
  });

  test('is for its own rater, or who may see everybody’s answers', async () => {
    const [ada, bob] = [await keyOf('ada'), await keyOf('bob')];
    const { id } = await chat(ada);
    const { body: named } = await rate({ completion_id: id, rating: 1, rater: 'bob' });
    expect(await post(`/api/feedback/${String(named.id)}/undo`, {}, as(ada))).toMatchObject({ status: 403 });
    expect(await post(`/api/feedback/${String(named.id)}/undo`, {}, as(bob))).toMatchObject({ status: 404 });
    expect(await post('/api/feedback/none/undo', {})).toMatchObject({ status: 404 });
    const { body: own } = await rate({ completion_id: id, rating: -1 }, as(ada));
    expect((await post(`/api/feedback/${String(own.id)}/undo`, {}, as(ada))).status).toBe(201);
    expect((await post(`/api/feedback/${String(named.id)}/undo`, {})).status).toBe(201);
  });
});

describe('criteria', () => {
  test('are kept by name, and shown', async () => {
    const { id } = await chat();
    const criteria = { polite: true, correct: 0.25 };
    expect((await rate({ completion_id: id, criteria })).body).toMatchObject({ criteria, rating: null });
    expect((await eventsOf(id))[0]).toMatchObject({ criteria });
  });

  test.each<[JsonObject, RegExp]>([
    [{}, /1 to 20/],
    [{ 'a b': true }, /named with letters/],
    [{ good: 2 }, /criteria\.good must be/i],
  ])('%j is refused', async (criteria, reason) => {
    const { id } = await chat();
    const refused = await rate({ completion_id: id, criteria });
    expect(refused.status).toBe(400);
    expect(refused.body.detail).toMatch(reason);
    expect(await eventsOf(id)).toEqual([]);
  });
});

describe('weak signals', () => {
  test('are kept apart, and are no feedback', async () => {
    const { id } = await chat();
    expect(await post('/api/signals', { completion_id: id, kind: 'copied' })).toMatchObject({
      status: 201,
      body: { kind: 'copied', choice: 0 },
    });
    expect(await harness.store.signals.ofCompletions([id, id])).toMatchObject([{ kind: 'copied', owner: 'local' }]);
    expect(await eventsOf(id)).toEqual([]);
    const { items } = await harness.store.chats.list({ rated: true }, { limit: 200 });
    expect(items.map((one) => one.id)).not.toContain(id);
  });

  test('on what is not there, or not one’s own, or of no kind, are refused', async () => {
    const { id } = await chat();
    const ada = await keyOf('ada');
    const signal = (more: JsonObject, init = as(admin)) =>
      post('/api/signals', { completion_id: id, kind: 'copied', ...more }, init);
    expect((await signal({ completion_id: 'none' })).status).toBe(404);
    expect((await signal({ choice: 3 })).status).toBe(404);
    expect((await signal({}, as(ada))).status).toBe(404);
    expect((await signal({ kind: 'liked' })).status).toBe(400);
  });
});

describe('TensorZero’s feedback', () => {
  const send = (body: JsonObject) => post('/feedback', body);

  test.each<[string, unknown, object]>([
    ['comment', 'Too long.', { comment: 'Too long.' }],
    ['demonstration', 'Better.', { correction: { role: 'assistant', content: 'Better.' } }],
    [
      'demonstration',
      [
        { type: 'text', text: 'In ' },
        { type: 'text', value: 'blocks.' },
      ],
      { correction: { content: 'In blocks.' } },
    ],
    ['task_success', true, { rating: 1, criteria: { task_success: true } }],
    ['task_success', false, { rating: -1, criteria: { task_success: false } }],
    ['quality', 0.75, { score: 0.75, criteria: { quality: 0.75 } }],
  ])('%s %j', async (metric, value, expected) => {
    const { id } = await chat();
    const body = { inference_id: id, metric_name: metric, value: value as string, tags: { user: 'u1' } };
    const { status, body: answer } = await send(body);
    expect(status).toBe(200);
    const [event] = await eventsOf(id);
    expect(event).toMatchObject({ id: answer.feedback_id, source: 'tensorzero', tags: ['user=u1'], ...expected });
  });

  test('about an episode is about the newest answer of the conversation; a dry run adds nothing', async () => {
    const { id, conversation } = await chat();
    const body = { episode_id: conversation, metric_name: 'ok', value: true };
    expect((await send({ ...body, dryrun: true })).body).toEqual({ feedback_id: null });
    expect(await eventsOf(id)).toEqual([]);
    expect((await send(body)).status).toBe(200);
    expect(await eventsOf(id)).toHaveLength(1);
  });

  test.each<[JsonObject, number, RegExp]>([
    [{ metric_name: 'a', value: true }, 400, /either an "inference_id"/],
    [{ inference_id: 'x', episode_id: 'y', metric_name: 'a', value: true }, 400, /either an "inference_id"/],
    [{ inference_id: 'x', metric_name: 'a', value: 7 }, 400, /from 0 to 1/],
    [{ inference_id: 'x', metric_name: 'comment', value: 7 }, 400, /a comment is a text/],
    [{ inference_id: 'x', metric_name: 'demonstration', value: [{ type: 'tool_call' }] }, 400, /blocks of text/],
    [{ inference_id: 'none', metric_name: 'a', value: true }, 404, /no completion "none"/],
    [{ episode_id: 'none', metric_name: 'a', value: true }, 404, /no conversation "none"/],
  ])('%j is refused', async (body, status, reason) => {
    const refused = await send(body);
    expect(refused.status).toBe(status);
    expect(refused.body.detail).toMatch(reason);
  });
});

test('every event is listed, newest first, for who may see them all', async () => {
  const { id } = await chat();
  await rate({ completion_id: id, rating: 1 });
  const get = async (path: string, key: string) => fetch(`${await harness.serve()}${path}`, as(key));
  const page = (await (await get('/api/feedback?limit=1', admin)).json()) as { items: JsonObject[]; next: string };
  expect(page.items).toMatchObject([{ completion_id: id, rating: 1 }]);
  expect((await get(`/api/feedback?limit=1&cursor=${page.next}`, admin)).status).toBe(200);
  expect((await get('/api/feedback', await keyOf('ada'))).status).toBe(403);
});
