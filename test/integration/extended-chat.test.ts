import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { promptRoutes } from '../../src/api/prompts.ts';
import { defaultSettings } from '../../src/core/settings.ts';
import type { JsonObject } from '../../src/core/canonical.ts';
import { createAnswerCache } from '../../src/gateway/caching/cache.ts';
import { createPrices } from '../../src/gateway/price.ts';
import { createExtendedChat } from '../../src/gateway/extending/operation.ts';
import { type Harness, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type WireServer, fails, startWireServer, whole } from '../fixtures/wire-server.ts';

let wire: WireServer;
let harness: Harness;
let context: number | null = null;

beforeAll(async () => {
  wire = await startWireServer();
  harness = await openHarness({
    providers: [wireProvider(wire.url)],
    operations: ({ prompts }) => [createExtendedChat({ prompts, contextOf: () => context })],
    routes: (store) => [promptRoutes(store)],
    gateway: { prices: createPrices({ settings: () => defaultSettings, log: { warn: () => undefined } }) },
    answers: ({ answerCache, chats }) =>
      createAnswerCache({ cache: answerCache, chats, log: { warn: () => undefined } }),
  });
});
afterAll(async () => {
  await harness.close();
  await wire.close();
});
afterEach(() => {
  wire.answerWith(whole('Hello'));
  context = null;
});

const model = 'wire/tiny';
const user = (content: string) => ({ role: 'user', content });
const asked = () => wire.requests.at(-1)?.body ?? {};

async function put(name: string, body: JsonObject): Promise<{ status: number; body: JsonObject }> {
  const headers = { 'content-type': 'application/json' };
  const url = `${await harness.serve()}/api/prompts/${name}`;
  const response = await fetch(url, { method: 'PUT', headers, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as JsonObject };
}

const get = async (path: string) => (await fetch(`${await harness.serve()}${path}`)).json() as Promise<JsonObject>;

/** The sentence of an answer that is an error. */
async function reasonOf(response: Response): Promise<string> {
  expect(response.ok).toBe(false);
  return ((await response.json()) as { error: { message: string } }).error.message;
}

describe('prompt templates', () => {
  test('a version says what it said; the same again adds none', async () => {
    const first = await put('support', { template: 'You help {{company}}.', description: 'first line' });
    expect(first).toMatchObject({ status: 200, body: { version: 1, variables: { company: {} }, author: 'local' } });
    expect((await put('support', { template: 'You help {{company}}.', description: 'first line' })).body.version).toBe(
      1,
    );
    const second = {
      messages: [{ role: 'system', content: 'You help {{company}}, {{tone}}.' }],
      variables: { tone: { default: 'kindly' } },
    };
    expect((await put('support', second)).body.version).toBe(2);
    expect((await get('/api/prompts/support?version=1')).messages).toEqual([
      { role: 'system', content: 'You help {{company}}.' },
    ]);
    expect(((await get('/api/prompts/support/versions')).items as JsonObject[]).map(({ version }) => version)).toEqual([
      2, 1,
    ]);
    expect(((await get('/api/prompts')).items as JsonObject[]).map(({ name, version }) => [name, version])).toEqual([
      ['support', 2],
    ]);
  });

  test('a chat that names one is asked with its messages, and the record says which version', async () => {
    const prompt = { id: 'support', version: '1', variables: { company: 'Ember' } };
    const response = await harness.chat({ model, prompt, messages: [user('Hi')], temperature: 0 });
    expect(response.status).toBe(200);
    const messages = [{ role: 'system', content: 'You help Ember.' }, user('Hi')];
    expect(asked()).toEqual({ model: 'tiny', temperature: 0, messages });
    const record = await harness.recordOf(response);
    expect(record.messages).toEqual(messages);
    expect(record.envelope).toEqual({ model, temperature: 0, prompt: { ...prompt, version: 1 } });
  });

  test('the newest version is taken unless one is named, and messages may be left out', async () => {
    const response = await harness.chat({ model, prompt: { id: 'support', variables: { company: 'Ember' } } });
    expect(asked().messages).toEqual([{ role: 'system', content: 'You help Ember, kindly.' }]);
    expect((await harness.recordOf(response)).envelope.prompt).toMatchObject({ version: 2 });
  });

  test.each([
    [{ id: 'none' }, 404, /no prompt "none"/],
    [{ id: 'support', version: 9 }, 404, /no version 9 of the prompt "support"/],
    [{ id: 'support', version: 0 }, 400, /Prompt\.version must be a number/],
    [{ id: 'support' }, 400, /needs "company"/],
    [{ id: 'support', variables: { company: 'x', colour: 'y' } }, 400, /no variable "colour": it has company, tone/],
    [{ id: 'support', variables: { company: {} } }, 400, /Prompt\.variables\.company must be a text/],
    ['support', 400, /Prompt must be an object/],
  ])('%j is refused', async (prompt, status, reason) => {
    const before = wire.requests.length;
    const response = await harness.chat({ model, prompt: prompt as JsonObject, messages: [user('Hi')] });
    expect(response.status).toBe(status);
    expect(await reasonOf(response)).toMatch(reason);
    expect(wire.requests).toHaveLength(before);
  });

  test('messages that are none are refused as in every chat, not left out', async () => {
    const prompt = { id: 'support', variables: { company: 'Ember' } };
    for (const messages of ['Hi', [{ content: 'Hi' }]] as JsonObject[][]) {
      expect(await reasonOf(await harness.chat({ model, prompt, messages }))).toMatch(/^Messages/);
    }
  });

  test.each<[string, JsonObject, RegExp]>([
    ['x', {}, /either "template"/],
    ['x', { template: 'a', messages: [user('b')] }, /either "template"/],
    ['x', { template: 'a', variables: { b: {} } }, /does not use "b"/],
    ['x', { template: 'a', variables: { 'b c': {} } }, /name a variable/],
    ['a%20b', { template: 'a' }, /name a prompt/],
  ])('%s %j is no template', async (name, body, reason) => {
    const refused = await put(name, body);
    expect(refused.status).toBe(400);
    expect(refused.body.detail).toMatch(reason);
  });

  test('it is removed with its versions, and the chats stay', async () => {
    await put('gone', { template: 'a' });
    const chat = await harness.chat({ model, prompt: { id: 'gone' }, messages: [user('Hi')] });
    const url = `${await harness.serve()}/api/prompts/gone`;
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(200);
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(404);
    expect((await harness.recordOf(chat)).messages[0]).toEqual({ role: 'system', content: 'a' });
  });
});

describe('conversation memory', () => {
  /** Begins a conversation with so many turns, and gives its id. */
  async function converse(turns: number, system?: string): Promise<string> {
    let conversation: string | null = null;
    for (let turn = 1; turn <= turns; turn += 1) {
      wire.answerWith(whole(`Answer ${turn}.`));
      const first = system === undefined ? [] : [{ role: 'system', content: system }];
      const response: Response = await harness.chat({
        model,
        messages: [...(conversation === null ? first : []), user(`Question ${turn}?`)],
        ...(conversation !== null && { conversation }),
      });
      expect(response.status).toBe(200);
      await harness.recordOf(response);
      conversation = response.headers.get('x-conversation-id');
    }
    return conversation ?? '';
  }

  test('a conversation goes on by its id alone', async () => {
    const id = await converse(3);
    expect(asked().messages).toEqual([
      user('Question 1?'),
      { role: 'assistant', content: 'Answer 1.' },
      user('Question 2?'),
      { role: 'assistant', content: 'Answer 2.' },
      user('Question 3?'),
    ]);
    expect(asked()).not.toHaveProperty('conversation');
    const { items } = await harness.store.chats.list({ conversationId: id }, { limit: 10 });
    expect(items).toHaveLength(3);
    expect(items[0]?.envelope.conversation).toEqual({ id, memory: 'cut', left_out: 0 });
  });

  test('it may go on from an answer that is not the last', async () => {
    const id = await converse(2);
    const { items } = await harness.store.chats.list({ conversationId: id }, { limit: 10, order: 'asc' });
    const conversation = { id, after: items[0]?.id ?? '' };
    await harness.chat({ model, conversation, messages: [user('Other?')] });
    expect((asked().messages as JsonObject[]).map(({ content }) => content)).toEqual([
      'Question 1?',
      'Answer 1.',
      'Other?',
    ]);
  });

  test('what does not fit into the context is left out from the oldest turn on; instructions stay', async () => {
    const id = await converse(4, 'Be brief.');
    const conversation = { id, max_tokens: 40 };
    const response = await harness.chat({ model, conversation, messages: [user('Question 5?')] });
    const said = (asked().messages as JsonObject[]).map(({ content }) => content);
    expect(said).toEqual(['Be brief.', 'Question 4?', 'Answer 4.', 'Question 5?']);
    expect((await harness.recordOf(response)).envelope.conversation).toMatchObject({ left_out: 6 });
    // The model's own context counts as well, with room for an answer.
    context = 80;
    await harness.chat({ model, conversation: id, messages: [user('Question 6?')] });
    expect((asked().messages as JsonObject[]).length).toBeLessThan(11);
    await harness.chat({ model, conversation: { id, memory: 'all' }, messages: [user('Question 7?')] });
    expect((asked().messages as JsonObject[]).length).toBeGreaterThan(5);
  });

  test('or it is summarised by the model that is asked, once for each stretch, and no text of that is recorded', async () => {
    const id = await converse(4, 'Be brief.');
    const calls: JsonObject[] = [];
    wire.answerWith((request, response) => {
      calls.push(request.body);
      const summary = JSON.stringify(request.body).includes('Summarise');
      return whole(summary ? 'They asked three questions.' : 'Fine.')(request, response);
    });
    const conversation = { id, memory: 'summary', max_tokens: 40 };
    const before = (await harness.store.chats.list({}, { limit: 200 })).items.length;
    const response = await harness.chat({ model, conversation, messages: [user('Question 5?')] });
    await harness.recordOf(response);
    expect(calls).toHaveLength(2);
    expect(calls[1]?.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'system', content: 'Summary of the conversation before this point:\nThey asked three questions.' },
      user('Question 4?'),
      { role: 'assistant', content: 'Answer 4.' },
      user('Question 5?'),
    ]);
    const { items } = await harness.store.chats.list({}, { limit: 200 });
    expect(items).toHaveLength(before + 2);
    expect(items.filter(({ record }) => record === 'meta').at(0)?.messages).toEqual([]);
    const answered = items.find(({ record }) => record === 'all');
    const again = { ...conversation, after: answered?.id ?? '' };
    await harness.chat({ model, conversation: { ...again, max_tokens: 1_000 }, messages: [user('Question 6?')] });
    expect(calls).toHaveLength(3);
  });

  test('a summary that fails is an error of the chat', async () => {
    const id = await converse(2);
    wire.answerWith(fails(401, { error: { message: 'no key' } }));
    const conversation = { id, memory: 'summary', max_tokens: 10 };
    expect(await reasonOf(await harness.chat({ model, conversation, messages: [user('Next?')] }))).toMatch(
      /could not be summarised: wire refused the API key/,
    );
  });

  test.each([
    ['none', 404, /no conversation "none" with an answer/],
    [{ id: 'none', after: 'x' }, 404, /no answer "x" in the conversation "none"/],
    [{}, 400, /Conversation must be the id/],
    [{ id: 'a b' }, 400, /Conversation must be the id/],
    [{ id: 'a', memory: 'none' }, 400, /Conversation\.memory must be one of cut, summary, all/],
    [{ id: 'a', max_tokens: 0 }, 400, /Conversation\.max_tokens must be/],
  ])('%j is refused', async (conversation, status, reason) => {
    const response = await harness.chat({ model, conversation: conversation as JsonObject, messages: [user('Hi')] });
    expect(response.status).toBe(status);
    expect(await reasonOf(response)).toMatch(reason);
  });

  test('what was not kept cannot be gone on with', async () => {
    const response = await harness.chat({ model, store: false, messages: [user('Hi')] });
    const { conversationId } = await harness.recordOf(response);
    const refused = await harness.chat({ model, conversation: conversationId, messages: [user('Hi')] });
    expect(refused.status).toBe(409);
    expect(await reasonOf(refused)).toMatch(/was not kept: send its messages along/);
  });
});

describe('answers that are given again', () => {
  const question = (text: string, more: JsonObject = {}) =>
    harness.chat({ model, messages: [user(text)], cache: { max_age: 60 }, ...more });
  const hit = (response: Response) => response.headers.get('x-ratchet-cache');
  /** The answer's own words, whole or streamed. */
  const textOf = async (response: Response): Promise<string> => {
    const body = await response.text();
    return [...body.matchAll(/"content":"([^"]*)"/g)].map(([, text]) => text).join('');
  };

  test('to the very same request, once somebody asks for that', async () => {
    wire.answerWith(whole('Once.'));
    await harness.recordOf(await question('Cached?', { cache: undefined as never }));
    const before = wire.requests.length;
    const first = await question('Cached?');
    expect([hit(first), await textOf(first)]).toEqual(['miss', 'Once.']);
    expect(asked()).not.toHaveProperty('cache');
    const kept = await harness.recordOf(first);
    wire.answerWith(whole('Twice.'));
    const second = await question('Cached?');
    expect([hit(second), await textOf(second)]).toEqual(['hit', 'Once.']);
    expect(wire.requests).toHaveLength(before + 1);
    const record = await harness.recordOf(second);
    expect(record).toMatchObject({ provider: 'cache', model: 'tiny', state: 'complete', costNanos: 0 });
    expect(record.id).not.toBe(kept.id);
    expect(record.choices.map(({ message }) => message)).toEqual(kept.choices.map(({ message }) => message));
    expect(second.headers.get('x-ratchet-provider')).toBe('cache');
  });

  test('whole or streamed, whichever way it came', async () => {
    wire.answerWith(whole('Streamed.'));
    const first = await question('Which way?', { stream: true });
    expect([hit(first), await textOf(first)]).toEqual(['miss', 'Streamed.']);
    await harness.recordOf(first);
    for (const stream of [false, true]) {
      const again = await question('Which way?', { stream });
      expect([hit(again), await textOf(again)]).toEqual(['hit', 'Streamed.']);
    }
  });

  test('what changes an answer makes another request; what does not, none', async () => {
    await harness.recordOf(await question('Same?', { temperature: 0 }));
    const cases: [JsonObject, string][] = [
      [{ temperature: 0 }, 'hit'],
      [{ temperature: 0, metadata: { a: 'b' }, stream_options: { include_usage: true }, stream: true }, 'hit'],
      [{ temperature: 0.1 }, 'miss'],
      [{ temperature: 0, user: 'another' }, 'miss'],
      [{ temperature: 0, tools: [] }, 'miss'],
      [{ temperature: 0, model: 'wire/other' }, 'miss'],
      [{ temperature: 0, cache: { max_age: 0 } }, 'miss'],
    ];
    for (const [more, expected] of cases) {
      const response = await question('Same?', more);
      await response.text();
      expect([more, hit(response)]).toEqual([more, expected]);
      await harness.gateway.settled();
    }
  });

  test('nothing that failed, was not recorded, or was erased', async () => {
    wire.answerWith(fails(500, { error: { message: 'oops' } }));
    expect((await question('Broken?')).ok).toBe(false);
    wire.answerWith(whole('Fine.'));
    const mended = await question('Broken?');
    expect(hit(mended)).toBe('miss');
    const { id } = await harness.recordOf(mended);
    await harness.store.chats.erase({ completionId: id });
    const after = await question('Broken?');
    expect(hit(after)).toBe('miss');
    await harness.recordOf(await question('Not recorded', { store: false }));
    expect(hit(await question('Not recorded', { store: false }))).toBeNull();
  });

  test.each([[true], [{}], [{ max_age: -1 }], [{ max_age: '60' }]])('%j is refused', async (cache) => {
    const response = await question('Bad', { cache: cache as JsonObject });
    expect(response.status).toBe(400);
    expect(await reasonOf(response)).toMatch(/Cache must be an object with "max_age"/);
  });
});

test('a chat without these fields passes as it came', async () => {
  const url = await harness.serve();
  const body = `{"messages" : [{"role":"user","content":"a"}], "big":12345678901234567890,"model":"wire/tiny","prompt":null}`;
  const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body });
  expect(response.status).toBe(200);
  expect(wire.requests.at(-1)?.text).toBe(body.replace('"wire/tiny"', '"tiny"'));
});
