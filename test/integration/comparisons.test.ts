import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { comparisonRoutes } from '../../src/api/comparisons.ts';
import { childEnvironment, packageRoot } from '../../src/config.ts';
import type { JsonObject } from '../../src/core/canonical.ts';
import { createAddFeedback } from '../../src/feedback/add.ts';
import { type Harness, openHarness, wireProvider } from '../fixtures/gateway-harness.ts';
import { type WireServer, delta, fails, finish, startWireServer, streamOf, whole } from '../fixtures/wire-server.ts';

let left: WireServer;
let right: WireServer;
let harness: Harness;
const question = { messages: [{ role: 'user', content: 'Which is it?' }], models: ['left/tiny', 'right/tiny'] };

interface Answer {
  index: number;
  model: string | null;
  completion_id: string | null;
  message: JsonObject | null;
  error: JsonObject | null;
  usage: JsonObject | null;
  first_token_ms: number | null;
}
interface Comparison {
  id: string;
  conversation_id: string;
  blind: boolean;
  answers: Answer[];
}

beforeAll(async () => {
  [left, right] = [await startWireServer(), await startWireServer()];
  harness = await openHarness({
    providers: [wireProvider(left.url, 'left'), wireProvider(right.url, 'right')],
    flushMs: 5,
    routes: (store, gateway) => [comparisonRoutes({ ...store, gateway, addFeedback: createAddFeedback(store) })],
  });
});
afterAll(async () => {
  await harness.close();
  await left.close();
  await right.close();
});
afterEach(() => {
  left.answerWith(whole('Hello'));
  right.answerWith(whole('Hello'));
});

async function compare(more: JsonObject = {}): Promise<Comparison> {
  const response = await harness.post('/api/comparisons', { ...question, ...more });
  expect(response.status).toBe(200);
  return (await response.json()) as Comparison;
}

const get = async (path: string) => (await fetch(`${await harness.serve()}${path}`)).json() as Promise<JsonObject>;

/** Named events of a stream, in order. */
function eventsIn(text: string): { event: string; data: JsonObject }[] {
  return text.split('\n\n').flatMap((block) => {
    const found = /^event: (.*)\ndata: (.*)$/s.exec(block);
    return found ? [{ event: found[1] ?? '', data: JSON.parse(found[2] ?? '') as JsonObject }] : [];
  });
}

/** What the last event says. */
function lastOf(text: string): Comparison {
  const last = eventsIn(text).at(-1);
  if (!last) throw new Error('the stream has no event');
  return last.data as unknown as Comparison;
}

describe('answers side by side', () => {
  test('are siblings in one conversation, each a completion of its own', async () => {
    left.answerWith(whole('Left.'));
    right.answerWith(whole('Right.'));
    const found = await compare({ temperature: 0.5, seed: 7 });
    expect(found.answers.map(({ model, message }) => [model, message?.content])).toEqual([
      ['left/tiny', 'Left.'],
      ['right/tiny', 'Right.'],
    ]);
    const records = await Promise.all(found.answers.map((one) => harness.store.chats.get(one.completion_id ?? '')));
    const [one, other] = records;
    expect(one?.messageIds).toEqual(other?.messageIds);
    expect(records.map((record) => record?.conversationId)).toEqual([found.conversation_id, found.conversation_id]);
    expect(one?.envelope).toMatchObject({ temperature: 0.5, seed: 7, model: 'left/tiny' });
    expect(left.requests.at(-1)?.body).toMatchObject({ model: 'tiny', temperature: 0.5, messages: question.messages });
  });

  test('a model may have fields of its own; what is not of a chat is not sent', async () => {
    await compare({ models: [{ model: 'left/tiny', temperature: 1 }, 'right/tiny'], temperature: 0, blind: false });
    expect(left.requests.at(-1)?.body).toMatchObject({ temperature: 1 });
    expect(right.requests.at(-1)?.body).toMatchObject({ temperature: 0 });
    for (const field of ['models', 'blind', 'conversation_id']) {
      expect(right.requests.at(-1)?.body).not.toHaveProperty(field);
    }
  });

  test('a model that fails does not take the others along', async () => {
    left.answerWith(fails(401, { error: { message: 'no key' } }));
    right.answerWith(whole('Right.'));
    const { answers } = await compare();
    expect(answers[0]).toMatchObject({ message: null, error: { code: 'ProviderRejected' } });
    expect(answers[1]).toMatchObject({ message: { content: 'Right.' }, error: null });
  });

  test('the conversation goes on from the answer that was chosen', async () => {
    left.answerWith(whole('This is the answer on the left, and it is long enough to be told from others.'));
    const { conversation_id: conversation, answers } = await compare();
    const messages = [...question.messages, answers[0]?.message ?? {}, { role: 'user', content: 'And then?' }];
    const next = await harness.chat({ model: 'right/tiny', messages });
    await next.text();
    expect(next.headers.get('x-conversation-id')).toBe(conversation);
  });

  test.each([
    ['one model', { models: ['left/tiny'] }, /models/],
    ['nine models', { models: Array<string>(9).fill('left/tiny') }, /models/],
    ['no messages', { messages: [] }, /messages/],
    ['several choices', { n: 2 }, /leave "n" out/],
  ])('%s is refused', async (_name, more, reason) => {
    const before = left.requests.length;
    const response = await harness.post('/api/comparisons', { ...question, ...more });
    expect(response.status).toBe(400);
    expect(((await response.json()) as { detail: string }).detail).toMatch(reason);
    expect(left.requests).toHaveLength(before);
  });
});

describe('streamed', () => {
  test('pieces come as they are, whoever is first, and the end says what was said', async () => {
    const chunks = (text: string) => [
      delta({ role: 'assistant', content: '' }),
      delta({ content: text }),
      finish('stop'),
    ];
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    left.answerWith(async (request, response) => {
      await held;
      await streamOf(chunks('Late.'))(request, response);
    });
    right.answerWith(streamOf(chunks('Early.')));
    const response = await harness.post('/api/comparisons', { ...question, stream: true });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const piece = await reader?.read();
      text += piece?.value ?? '';
      // The right one is done before the left one has begun.
      if (/event: answer\.done\ndata: \{"index":1/.test(text)) release();
      if (!piece || piece.done) break;
    }
    const events = eventsIn(text);
    const order = events.map(({ event, data }) => (event === 'answer.done' ? data.index : event));
    expect(order.filter((one) => typeof one === 'number')).toEqual([1, 0]);
    expect(events.at(-1)?.event).toBe('comparison.done');
    expect(lastOf(text).answers.map(({ message }) => message?.content)).toEqual(['Late.', 'Early.']);
    const said = (index: number) =>
      events
        .filter(({ event, data }) => event === 'answer.chunk' && data.index === index)
        .map(({ data }) => (data.chunk as unknown as { choices: { delta: { content?: string } }[] }).choices[0])
        .map((choice) => choice?.delta.content ?? '')
        .join('');
    expect([said(0), said(1)]).toEqual(['Late.', 'Early.']);
  });

  test('a cut stream is an error of its answer only', async () => {
    left.answerWith(streamOf([delta({ content: 'Half' })], { ending: 'cut', pauseMs: 20 }));
    right.answerWith(whole('Right.'));
    const response = await harness.post('/api/comparisons', { ...question, stream: true });
    const { answers } = lastOf(await response.text());
    expect(answers[0]).toMatchObject({ message: { content: 'Half' }, error: { code: 'ProviderUnavailable' } });
    expect(answers[1]).toMatchObject({ message: { content: 'Right.' }, error: null });
  });

  test('who leaves cuts every model off', async () => {
    left.answerWith(streamOf([delta({ content: 'a' })], { ending: 'hang' }));
    right.answerWith(streamOf([delta({ content: 'b' })], { ending: 'hang' }));
    const leaving = new AbortController();
    const response = await harness.post('/api/comparisons', { ...question, stream: true }, { signal: leaving.signal });
    await response.body?.getReader().read();
    leaving.abort();
    await Promise.all([left.requests.at(-1)?.cut, right.requests.at(-1)?.cut]);
    await harness.gateway.settled();
  });
});

describe('a choice is a preference', () => {
  test('over the other answers; a tie is one as well', async () => {
    const { id, answers } = await compare();
    const [first, second] = answers.map((one) => one.completion_id ?? '');
    const chosen = await harness.post(`/api/comparisons/${id}/choice`, { answer: 1, comment: 'shorter' });
    expect(chosen.status).toBe(201);
    expect(await chosen.json()).toMatchObject({
      models: ['left/tiny', 'right/tiny'],
      feedback: {
        completion_id: second,
        comment: 'shorter',
        rater: 'local',
        preferred_over: [{ completion_id: first, choice: 0 }],
        tied_with: [],
      },
    });
    await harness.post(`/api/comparisons/${id}/choice`, { answer: null });
    const shown = await get(`/api/comparisons/${id}`);
    expect(shown.choices).toMatchObject([{ answer: 1 }, { answer: null }].toSorted(() => 0));
    expect(await get(`/api/completions/${second}`)).toMatchObject({ feedback: [{ preferred_over: [{}] }] });
  });

  test('of a blind comparison nobody learns the models before', async () => {
    const { id, answers } = await compare({ blind: true });
    expect(answers.map(({ model }) => model)).toEqual([null, null]);
    expect(await get(`/api/comparisons/${id}`)).toMatchObject({ answers: [{ model: null }, { model: null }] });
    const streamed = await harness.post('/api/comparisons', { ...question, blind: true, stream: true });
    expect(await streamed.text()).not.toMatch(/tiny|left|right/);
    const chosen = await harness.post(`/api/comparisons/${id}/choice`, { answer: 0 });
    const { models } = (await chosen.json()) as { models: string[] };
    expect(models.toSorted()).toEqual(['left/tiny', 'right/tiny']);
    const shown = await get(`/api/comparisons/${id}`);
    expect((shown.answers as JsonObject[]).map(({ model }) => model)).toEqual(models);
  });

  test('what did not answer is not chosen', async () => {
    left.answerWith(fails(400, { error: { message: 'no' } }));
    const { id } = await compare();
    const wrong = await harness.post(`/api/comparisons/${id}/choice`, { answer: 0 });
    expect(await wrong.json()).toMatchObject({ status: 400, detail: expect.stringMatching(/no answer 0.*it has 1/) });
    const alone = await harness.post(`/api/comparisons/${id}/choice`, { answer: 1 });
    expect(await alone.json()).toMatchObject({ status: 409, detail: expect.stringMatching(/Only one model/) });
    expect((await harness.post('/api/comparisons/none/choice', { answer: 1 })).status).toBe(404);
  });

  test('answers to other messages are not compared', async () => {
    const { answers } = await compare();
    const other = await harness.chat({ model: 'left/tiny', messages: [{ role: 'user', content: 'Something else' }] });
    const ids = [answers[0]?.completion_id, (await harness.recordOf(other)).id];
    const rate = (body: JsonObject) => harness.post('/api/feedback', { completion_id: ids[0] ?? '', ...body });
    const refused = await rate({ preferred_over: [{ completion_id: ids[1] ?? '' }] });
    expect(await refused.json()).toMatchObject({
      status: 400,
      detail: expect.stringMatching(/answers other messages/),
    });
    for (const wrong of [[], [{ completion_id: ids[0] ?? '' }], [{ completion_id: 'none' }]]) {
      expect((await rate({ preferred_over: wrong })).ok).toBe(false);
    }
  });
});

test('ratchet compare shows every answer, and prints JSON', async () => {
  left.answerWith(whole('Left says so.'));
  right.answerWith(fails(400, { error: { message: 'no such thing' } }));
  const shown = await ratchet('compare', 'Which', 'is it?', '-m', 'left/tiny', '-m', 'right/tiny');
  expect(shown).toMatch(/── 1 {2}left\/tiny {2}\(first token [\d.]+ s, whole [\d.]+ s\)\n\n {2}Left says so\./);
  expect(shown).toMatch(/── 2 {2}right\/tiny\n\n {2}failed: right answered with status 400: no such thing/);
  const json = await ratchet('compare', 'Which?', '--system', 'Be brief.', '-m', 'left/tiny', 'left/tiny', '--json');
  expect(JSON.parse(json)).toMatchObject({ answers: [{ message: { content: 'Left says so.' } }, {}] });
  expect(left.requests.at(-1)?.body.messages).toEqual([
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Which?' },
  ]);
  await expect(ratchet('compare', 'Which?', '-m', 'left/tiny')).rejects.toThrow(/models/);
});

async function ratchet(...args: string[]): Promise<string> {
  const { port } = new URL(await harness.serve());
  const env = childEnvironment({ RATCHET_PORT: port, RATCHET_HOME: packageRoot });
  const command = [join(packageRoot, 'src', 'cli', 'main.ts'), ...args];
  const { stdout } = await promisify(execFile)(process.execPath, command, { env });
  return stdout;
}
