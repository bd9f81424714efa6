import { deepStrictEqual } from 'node:assert';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assistant, chat, choice, outcome, request, user } from '../../../test/contract/chat-samples.ts';
import { jsonObject, wireMessage } from '../../../test/contract/json-arbitraries.ts';
import { type Harness, openHarness } from '../../../test/fixtures/gateway-harness.ts';
import type { JsonObject } from '../../core/canonical.ts';
import { type RawFormat, rawFormats } from './formats.ts';
import { readLines } from '../../feedback/importers/lines.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await openHarness({ providers: [] });
});
afterEach(() => harness.close());

async function exported(query: string, init: RequestInit = {}): Promise<JsonObject[]> {
  const response = await harness.app.request(`/api/completions/export?${query}`, init);
  expect(response.status).toBe(200);
  const text = await response.text();
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as JsonObject]));
}

async function imported(format: string, lines: readonly unknown[], query = ''): Promise<JsonObject> {
  const body = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  const response = await harness.app.request(`/api/completions/import?format=${format}${query}`, {
    method: 'POST',
    body,
  });
  return (await response.json()) as JsonObject;
}

/** Halves of a line, by format. */
const names: Record<RawFormat, [string, string]> = { openpipe: ['input', 'output'], nvidia: ['request', 'response'] };

test.each(rawFormats)('%s: a recorded chat comes out as it was sent and got, streamed or not', async (format) => {
  const answer = {
    id: 'x',
    object: 'chat.completion',
    created: 1,
    model: 'tiny',
    system_fingerprint: 'f',
    choices: [
      { index: 0, message: { role: 'assistant', content: 'Hi', refusal: null }, logprobs: null, finish_reason: 'stop' },
    ],
    usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
  };
  const { store } = harness;
  const envelope = { model: 'active', temperature: 0.5, tools: [{ type: 'function' }], unknown: { a: [1] } };
  const { choices: _choices, ...response } = answer;
  const got = [
    { index: 0, message: answer.choices[0]?.message ?? { role: '' }, finishReason: 'stop', extra: { logprobs: null } },
  ];
  const whole = await store.chats.begin(request([user('a')], { envelope, owner: 'local' }));
  await store.chats.finish(whole.id, outcome(got, { response }));
  const streamed = await store.chats.begin(request([user('b')], { envelope, owner: 'local', stream: true }));
  await store.chats.finish(streamed.id, outcome(got, { response: { ...response, object: 'chat.completion.chunk' } }));
  const lines = await exported(`format=${format}`);
  const [sent, received] = names[format];
  deepStrictEqual(
    lines.map((line) => line[sent]),
    ['a', 'b'].map((content) => ({ ...envelope, messages: [user(content)] })),
  );
  for (const line of lines) deepStrictEqual(line[received], answer);
});

test.each(rawFormats)('%s: what is imported comes out equal, whatever is in it', async (format) => {
  const { store } = harness;
  const line = fc.record({
    envelope: jsonObject(),
    messages: fc.array(wireMessage(), { minLength: 1, maxLength: 4 }),
    response: jsonObject(),
    choices: fc.array(fc.tuple(wireMessage(), jsonObject()), { minLength: 1, maxLength: 2 }),
  });
  const [sent, received] = names[format];
  const faithful = fc.asyncProperty(line, async ({ envelope, messages, response, choices }) => {
    const full = JSON.parse(
      JSON.stringify({
        [sent]: { ...envelope, model: 'm', messages },
        [received]: {
          ...response,
          choices: choices.map(([message, extra], index) => ({ ...extra, index, message, finish_reason: 'stop' })),
        },
        ...(format === 'openpipe'
          ? { tags: { a: 'b' } }
          : { timestamp: 1_700_000_000, workload_id: 'w', client_id: 'c' }),
      }),
    ) as JsonObject;
    const { written, known, faults } = await imported(format, [full]);
    expect({ sum: Number(written) + Number(known), faults }).toEqual({ sum: 1, faults: [] });
    const found = await exported(`format=${format}`);
    expect(found.some((each) => JSON.stringify(sortKeys(each)) === JSON.stringify(sortKeys(full)))).toBe(true);
    await store.chats.indexNext(50);
  });
  await fc.assert(faithful, { numRuns: 25 });
});

test('an import counts what it wrote, knows it again, and names each line that it leaves out', async () => {
  const good = (n: number) => ({
    input: { model: 'm', messages: [user(`question ${n}`)] },
    output: {
      created: 1_700_000_000 + n,
      usage: { prompt_tokens: n, completion_tokens: 2 },
      choices: [{ index: 0, message: assistant(`answer ${n}`), finish_reason: 'stop' }],
    },
    tags: { n: String(n) },
  });
  const lines = [
    good(1),
    '{"input"',
    '[]',
    { input: {} },
    '',
    { ...good(2), output: { choices: [] } },
    { ...good(3), input: { messages: [user('x')] } },
    ...Array.from({ length: 60 }, (_, n) => good(n + 1)),
  ];
  const first = await imported('openpipe', lines);
  expect(first).toMatchObject({ written: 60, known: 1, faulty: 5 });
  expect((first.faults as { line: number }[]).map(({ line }) => line)).toEqual([2, 3, 4, 6, 7]);
  expect(await imported('openpipe', lines)).toMatchObject({ written: 0, known: 61, faulty: 5 });
  const [record] = (await harness.store.chats.list({ owner: 'local' }, { limit: 1, order: 'asc' })).items;
  expect(record).toMatchObject({
    provider: 'import',
    model: 'm',
    state: 'complete',
    promptTokens: 1,
    completionTokens: 2,
    createdAt: 1_700_000_001_000,
    origin: { format: 'openpipe', tags: { n: '1' } },
  });
});

test('imported turns are one conversation, are found by their words, and stay erased when they are imported again', async () => {
  const turn = (messages: JsonObject[], answer: string) => ({
    timestamp: 1_700_000_000,
    workload_id: 'w',
    client_id: 'c',
    request: { model: 'm', messages },
    response: { model: 'm-1', choices: [{ index: 0, message: assistant(answer), finish_reason: 'stop' }] },
  });
  const lines = [
    turn([user('hi')], 'hello'),
    turn([user('hi'), assistant('hello'), user('and now')], 'goodbye harbour'),
  ];
  expect(await imported('nvidia', lines, '&owner=ada&provider=flywheel')).toMatchObject({ written: 2 });
  const { chats } = harness.store;
  while ((await chats.indexNext(50)) > 0);
  const { items } = await chats.list({ owner: 'ada' }, { limit: 9 });
  expect(new Set(items.map(({ conversationId }) => conversationId)).size).toBe(1);
  expect(new Set(items.map(({ node }) => node)).size).toBe(1);
  const [found] = (await chats.list({ search: 'harbour', owner: 'ada' }, { limit: 9 })).items;
  expect(found).toMatchObject({ provider: 'flywheel', model: 'm-1' });
  const next = await chat(
    harness.store,
    [user('hi'), assistant('hello'), user('and now'), assistant('goodbye harbour'), user('x')],
    'y',
    {
      owner: 'ada',
      scope: 'c',
    },
  );
  expect(next.conversationId).toBe(found?.conversationId);
  await chats.erase({ completionId: found?.id ?? '' });
  expect(await imported('nvidia', lines, '&owner=ada&provider=flywheel')).toMatchObject({ written: 0, known: 2 });
  expect((await chats.get(found?.id ?? ''))?.messages).toEqual([]);
});

test('turns of one second keep their order', async () => {
  const history: JsonObject[] = [];
  const lines = Array.from({ length: 9 }, (_, n) => {
    history.push(user(`question ${n}`));
    const line = {
      timestamp: 1_700_000_000,
      request: { model: 'm', messages: [...history] },
      response: { choices: [{ index: 0, message: assistant(`answer ${n}`), finish_reason: 'stop' }] },
    };
    history.push(assistant(`answer ${n}`));
    return line;
  });
  expect(await imported('nvidia', lines)).toMatchObject({ written: 9 });
  const again = await exported('format=nvidia');
  expect(again.map(({ request: sent }) => (sent as { messages: unknown[] }).messages.length)).toEqual(
    lines.map((_, n) => 2 * n + 1),
  );
  expect(new Set(again.map(({ timestamp }) => timestamp))).toEqual(new Set([1_700_000_000]));
});

test('an export takes the filters of a list, and leaves out what is erased, cut off or without text', async () => {
  const { store } = harness;
  const kept = await chat(store, [user('kept')], 'a', { owner: 'local' });
  const gone = await chat(store, [user('gone')], 'a', { owner: 'local' });
  await chat(store, [], 'a', { owner: 'local', record: 'meta' });
  await chat(store, [], 'a', { owner: 'local', kind: 'text' });
  const cut = await store.chats.begin(request([user('cut')], { owner: 'local' }));
  await store.chats.finish(cut.id, outcome([choice(assistant('a'))], { state: 'interrupted' }));
  await store.chats.erase({ completionId: gone.id });
  expect((await exported('format=openpipe')).map(({ tags }) => (tags as JsonObject).ratchet_completion)).toEqual([
    kept.id,
  ]);
  expect(await exported('format=openpipe&state=interrupted')).toHaveLength(1);
  expect(await exported('')).toHaveLength(5);
  expect(await exported('model=absent')).toEqual([]);
  const bad = await harness.app.request('/api/completions/export?format=csv');
  expect(bad.status).toBe(400);
});

test('an export reads on only as fast as it is taken', async () => {
  const { store } = harness;
  for (let at = 0; at < 250; at += 1) await chat(store, [user(`${at}`)], 'a', { owner: 'local' });
  const pages: number[] = [];
  const list = store.chats.list.bind(store.chats);
  store.chats.list = async (filter, page) => {
    pages.push(page.limit);
    return list(filter, page);
  };
  const response = await harness.app.request('/api/completions/export?format=nvidia');
  const reader = response.body?.getReader();
  await reader?.read();
  await new Promise(setImmediate);
  expect(pages).toHaveLength(1);
  let read = 1;
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) read += 1;
  expect([read, pages.length]).toEqual([250, 3]);
});

test('lines are cut wherever a chunk ends, also within a character', async () => {
  const text = '{"a":"é"}\r\n\n{"b":"東京"}';
  const bytes = Buffer.from(text);
  for (let size = 1; size <= bytes.length; size += 1) {
    async function* chunks() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    const lines: string[] = [];
    for await (const line of readLines(chunks())) lines.push(line);
    expect(lines).toEqual(['{"a":"é"}', '', '{"b":"東京"}']);
  }
});

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sortKeys(member)]),
  );
}
