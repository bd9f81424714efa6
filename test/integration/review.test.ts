import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { reviewRoutes } from '../../src/api/review.ts';
import type { JsonObject } from '../../src/core/canonical.ts';
import { type Harness, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type WireServer, startWireServer, whole } from '../fixtures/wire-server.ts';

let wire: WireServer;
let harness: Harness;
/** What the queue takes for chance. */
let chance = 0.5;
const admin = 'a-root-key-of-enough-letters';

beforeAll(async () => {
  wire = await startWireServer();
  harness = await openHarness({
    providers: [wireProvider(wire.url)],
    apiKey: admin,
    routes: (store) => [reviewRoutes({ store, random: () => chance })],
  });
});
afterAll(async () => {
  await harness.close();
  await wire.close();
});

const as = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

async function keyOf(owner: string, role = 'rate'): Promise<string> {
  const name = `${owner}-${Math.random().toString(36).slice(2)}`;
  const response = await harness.post('/api/keys', { name, owner, role }, as(admin));
  return ((await response.json()) as { key: string }).key;
}

async function chat(key: string, text = 'Hello', more: JsonObject = {}): Promise<string> {
  wire.answerWith(whole(text));
  const messages = [{ role: 'user', content: `Hi ${Math.random()}` }];
  const response = await harness.chat({ model: 'wire/tiny', messages, ...more }, as(key));
  return (await harness.recordOf(response)).id;
}

interface Item {
  reason: string;
  choice: number;
  until: string;
  completion: { id: string; feedback: unknown[]; choices: unknown[] };
}

async function post(path: string, body: JsonObject, key: string) {
  const response = await harness.post(path, body, as(key));
  return { status: response.status, body: (await response.json()) as JsonObject & { item: Item | null; id: string } };
}

async function get(path: string, key: string) {
  const response = await fetch(`${await harness.serve()}${path}`, as(key));
  return { status: response.status, body: (await response.json()) as JsonObject };
}

const next = async (key: string, filter: JsonObject = {}) => (await post('/api/review/next', filter, key)).body.item;
const rate = (key: string, id: string, more: JsonObject) => post('/api/feedback', { completion_id: id, ...more }, key);

describe('what to rate next', () => {
  test('is one’s own answers, with why, and without what others said; another gets it when it is given back', async () => {
    const [ada, twin, bob] = [await keyOf('ada'), await keyOf('ada'), await keyOf('bob')];
    const id = await chat(ada);
    expect(await next(bob)).toBeNull();
    const item = await next(ada);
    expect(item).toMatchObject({ reason: 'unrated', choice: 0, completion: { id, feedback: [] } });
    expect(Date.parse(item?.until ?? '')).toBeGreaterThan(Date.now() + 500_000);
    expect(await next(twin)).toBeNull();
    expect((await post('/api/review/release', { completion_id: id }, bob)).status).toBe(404);
    expect((await post('/api/review/release', { completion_id: id }, ada)).body).toEqual({ released: true });
    expect(await post('/api/review/release', { completion_id: id }, ada)).toMatchObject({
      status: 404,
      body: { detail: expect.stringMatching(/You have no claim/) },
    });
    expect(await next(await keyOf('olga', 'operate'), { provider: 'wire' })).toMatchObject({ completion: { id } });
    await rate(admin, id, { rating: 1, rater: 'olga' });
  });

  test('an answer that raters disagree about shows nobody’s opinion', async () => {
    const [ada, olga] = [await keyOf('ada'), await keyOf('olga', 'operate')];
    const id = await chat(ada, 'Hello', { metadata: { tags: ['greeting'] } });
    await rate(ada, id, { rating: 1 });
    await rate(admin, id, { rating: -1, rater: 'bob', comment: 'wrong' });
    expect(await next(ada)).toBeNull();
    expect(await next(olga, { tag: 'farewell' })).toBeNull();
    const item = await next(olga, { tag: 'greeting' });
    expect(item).toMatchObject({ reason: 'disagreement', completion: { id, feedback: [] } });
    expect(JSON.stringify(item)).not.toMatch(/wrong|bob/);
    await rate(olga, id, { rating: 1 });
  });

  test('an answer that a build set aside comes with what it contradicts', async () => {
    const [ada, olga] = [await keyOf('ada'), await keyOf('olga', 'operate')];
    const [good, bad] = [await chat(ada), await chat(ada)];
    await rate(ada, good, { rating: 1 });
    await rate(ada, bad, { rating: -1 });
    const answer = (completionId: string) => ({ completionId, choice: 0 });
    const answers = [{ answer: answer(good), other: answer(bad) }];
    await harness.store.review.setAside({ name: 'support', digest: 'd', since: Date.now(), answers });
    const contradicts = { completion_id: bad, choice: 0 };
    expect(await next(ada, { provider: 'none' })).toBeNull();
    expect(await next(ada)).toMatchObject({ reason: 'contradiction', contradicts, completion: { id: good } });
    await rate(ada, good, { rating: -1 });
    expect(await next(olga, { provider: 'wire' })).not.toMatchObject({ reason: 'contradiction' });
  });

  test('an answer that comes again looks like any other, and is measured', async () => {
    const eve = await keyOf('eve');
    const ids: string[] = [];
    for (let at = 0; at < 21; at += 1) {
      const id = await chat(eve);
      ids.push(id);
      await rate(eve, id, { rating: 1 });
    }
    const fresh = await chat(eve);
    const usual = await next(eve);
    expect(usual?.completion.id).toBe(fresh);
    await post('/api/review/release', { completion_id: fresh }, eve);
    chance = 0.001;
    const again = await next(eve);
    chance = 0.5;
    expect(again?.completion.id).toBe(ids[0]);
    expect(again?.reason).toBe(usual?.reason);
    expect(Object.keys(again ?? {})).toEqual(Object.keys(usual ?? {}));
    expect(again?.completion.feedback).toEqual([]);
    await rate(eve, ids[0] ?? '', { rating: -1 });
    const { body } = await get('/api/review/agreement', admin);
    expect(body.raters).toContainEqual(
      expect.objectContaining({
        rater: 'eve',
        ratings: 21,
        again: expect.objectContaining({ ratings: 1, equal_ratings: 0, consistency: 0 }),
      }),
    );
  });

  test.each<[JsonObject, RegExp]>([
    [{ model: '' }, /model/],
    [{ reason: 'again' }, /reason/],
  ])('%j is refused', async (body, reason) => {
    const refused = await post('/api/review/next', body, admin);
    expect(refused.status).toBe(400);
    expect(refused.body.detail).toMatch(reason);
  });
});

test('agreement is for who may see everybody’s answers', async () => {
  expect((await get('/api/review/agreement', await keyOf('ada'))).status).toBe(403);
  const { status, body } = await get('/api/review/agreement', admin);
  expect(status).toBe(200);
  expect(body).toMatchObject({ ratings: { answers: expect.any(Number) }, scores: { alpha: null } });
});

describe('what a correction changed', () => {
  test('is told word by word, to who may see the answer', async () => {
    const [ada, bob] = [await keyOf('ada'), await keyOf('bob')];
    const id = await chat(ada, 'The capital is Lyon.');
    const { body: event } = await rate(ada, id, { correction: 'The capital of France is Paris.' });
    const { body } = await get(`/api/feedback/${event.id}/diff`, ada);
    expect(body).toMatchObject({ feedback_id: event.id, completion_id: id, removed_words: 1, added_words: 3 });
    const parts = body.parts as { kind: string; text: string }[];
    const without = (left: string) => parts.flatMap(({ kind, text }) => (kind === left ? [] : [text])).join('');
    expect([without('added'), without('removed')]).toEqual(['The capital is Lyon.', 'The capital of France is Paris.']);
    expect((await get(`/api/feedback/${event.id}/diff`, bob)).status).toBe(404);
    const { body: thumb } = await rate(ada, id, { rating: 1 });
    expect(await get(`/api/feedback/${thumb.id}/diff`, ada)).toMatchObject({
      status: 404,
      body: { detail: expect.stringMatching(/has no correction/) },
    });
    await harness.store.chats.erase({ completionId: id });
    expect((await get(`/api/feedback/${event.id}/diff`, ada)).status).toBe(404);
  });
});
