import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Harness, openHarness } from '../../test/fixtures/gateway-harness.ts';
import { assistant, chat, choice, outcome, request, user } from '../../test/contract/chat-samples.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await openHarness({ providers: [] });
});
afterEach(() => harness.close());

type Answer = Record<string, unknown> & { items: { id: string }[] };

async function call(path: string, { key, method = 'GET' }: { key?: string; method?: string } = {}) {
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const response = await harness.app.request(path, { method, headers });
  return { status: response.status, body: (await response.json()) as Answer };
}

async function makeKey(name: string, role: string, admin?: string): Promise<string> {
  const headers = admin === undefined ? {} : { authorization: `Bearer ${admin}` };
  const response = await harness.post('/api/keys', { name, role }, { headers });
  return ((await response.json()) as { key: string }).key;
}

async function indexAll(): Promise<void> {
  while ((await harness.store.chats.indexNext(50)) > 0);
}

test('completions are found by words and by every other filter', async () => {
  const { store } = harness;
  const more = { owner: 'local', keyId: 'k1', team: 'red', kind: 'responses' as const };
  const { id } = await chat(store, [user('where is the harbour')], 'in the north', more);
  await chat(store, [user('something else')], 'yes', { owner: 'local' });
  await indexAll();
  const found = async (query: string) => (await call(`/api/completions?${query}`)).body.items.map((item) => item.id);
  for (const query of [
    'q=harbour+north',
    'q=%22the+harbour%22',
    'key=k1',
    'team=red',
    'kind=responses',
    'q=harb*&kind=responses',
  ]) {
    expect(await found(query)).toEqual([id]);
  }
  expect(await found('q=harbour&team=blue')).toEqual([]);
  expect(await found('erased=false')).toHaveLength(2);
  expect((await call('/api/completions?q=*')).body).toMatchObject({ code: 'InvalidInput', status: 400 });
  expect((await call(`/api/completions/${id}`)).body).toMatchObject({
    kind: 'responses',
    owner: 'local',
    key_id: 'k1',
    team: 'red',
    record: 'all',
    cost_usd: null,
    attempts: [],
    erased_at: null,
  });
});

test('conversations are listed with their first words, counts, models and cost', async () => {
  const { store } = harness;
  const begun = await store.chats.begin(request([user('the first question')], { owner: 'local' }));
  await store.chats.finish(begun.id, outcome([choice(assistant('a'))], { costNanos: 1_500_000 }));
  await chat(store, [user('the first question'), assistant('a'), user('b')], 'c', { owner: 'local', model: 'm' });
  const other = await chat(store, [user('other')], 'c', { owner: 'local' });
  const { body } = await call('/api/conversations?limit=1');
  expect(body).toMatchObject({ items: [{ id: other.conversationId, first_words: 'other', completions: 1 }] });
  expect((await call(`/api/conversations?limit=1&cursor=${String(body.next)}`)).body).toMatchObject({
    items: [
      {
        id: begun.conversationId,
        first_words: 'the first question',
        completions: 2,
        models: ['ollama/tiny', 'ollama/m'],
        cost_usd: 0.0015,
      },
    ],
  });
  expect((await call('/api/conversations?model=ollama/m')).body.items).toHaveLength(1);
});

test('what is erased is gone, and the answer says what was', async () => {
  const { store } = harness;
  const one = await chat(store, [user('secret words')], 'secret answer', { owner: 'local' });
  await chat(store, [user('secret words'), assistant('secret answer'), user('x')], 'y', { owner: 'local' });
  await indexAll();
  expect((await call(`/api/completions/${one.id}`, { method: 'DELETE' })).body).toEqual({
    erased: 1,
    open: 0,
    datasets: [],
  });
  expect((await call(`/api/completions/${one.id}`)).body).toMatchObject({
    messages: [],
    choices: [],
    usage: { prompt_tokens: 3 },
    erased_at: expect.any(String) as string,
  });
  const path = `/api/conversations/${one.conversationId}`;
  expect((await call(path, { method: 'DELETE' })).body).toEqual({ erased: 1, open: 0, datasets: [] });
  expect((await call(path, { method: 'DELETE' })).body).toEqual({ erased: 0, open: 0, datasets: [] });
  expect(JSON.stringify((await call(path)).body)).not.toContain('secret');
  expect((await call('/api/completions?q=secret')).body.items).toEqual([]);
  expect((await call('/api/completions/none', { method: 'DELETE' })).status).toBe(404);
  expect((await call('/api/conversations/none', { method: 'DELETE' })).status).toBe(404);
  const open = await store.chats.begin(request([user('now')], { owner: 'local' }));
  expect((await call(`/api/completions/${open.id}`, { method: 'DELETE' })).body).toMatchObject({ code: 'Conflict' });
});

test('each key reads and erases its own; operate everybody’s; chat nothing', async () => {
  const { store } = harness;
  const admin = await makeKey('boss', 'admin');
  const ada = await makeKey('ada', 'rate', admin);
  const chatter = await makeKey('chatter', 'chat', admin);
  const operator = await makeKey('op', 'operate', admin);
  const hers = await chat(store, [user('of ada')], 'same words', { owner: 'ada' });
  const his = await chat(store, [user('of bob')], 'same words', { owner: 'bob' });
  await indexAll();
  for (const path of [
    '/api/completions',
    '/api/completions?q=same',
    '/api/conversations',
    '/api/conversations?q=same',
  ]) {
    expect((await call(path, { key: ada })).body.items).toHaveLength(1);
    expect((await call(path, { key: operator })).body.items).toHaveLength(2);
    expect((await call(path, { key: chatter })).status).toBe(403);
    expect((await call(`${path}${path.includes('?') ? '&' : '?'}owner=bob`, { key: ada })).status).toBe(403);
  }
  for (const path of [`/api/completions/${his.id}`, `/api/conversations/${his.conversationId}`]) {
    for (const method of ['GET', 'DELETE']) expect((await call(path, { key: ada, method })).status).toBe(404);
  }
  expect((await store.chats.get(his.id))?.erasedAt).toBeNull();
  expect((await call(`/api/completions/${hers.id}`, { key: ada, method: 'DELETE' })).status).toBe(200);
  expect((await call(`/api/completions/${his.id}`, { key: operator, method: 'DELETE' })).body).toMatchObject({
    erased: 1,
  });
});
