import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import { type ApiProcess, startApiProcess } from '../fixtures/api-process.ts';
import { type Said, makeUpChat } from '../fixtures/said.ts';
import {
  type WireHandler,
  type WireServer,
  completionOf,
  delta,
  fails,
  finish,
  sendJson,
  startWireServer,
  streamOf,
  whole,
} from '../fixtures/wire-server.ts';

let wire: WireServer;
let api: ApiProcess;
/** What may stand in no file, at the end either. */
const unsaid: string[] = [];

beforeAll(async () => {
  wire = await startWireServer(['tiny']);
  api = await startApiProcess({ OLLAMA_BASE_URL: wire.url.replace(/\/v1$/, '') });
});
afterAll(async () => {
  await api.remove();
  await wire.close();
});

interface Way {
  path: string;
  body: (said: Said) => JsonObject;
  answer: (said: Said) => WireHandler;
  /** Whether the client gets the answer whole. */
  ends: boolean;
  /** It takes longer than the second after which what came so far is written. */
  slow?: boolean;
}

const model = 'ollama/tiny';
const messagesOf = ({ system, question }: Said) => [
  { role: 'system', content: system },
  { role: 'user', content: question },
];
const chatOf =
  (more: JsonObject = {}) =>
  (said: Said) => ({ model, messages: messagesOf(said), ...more });
const chat = '/v1/chat/completions';
const inPieces = (said: Said, ending: 'done' | 'cut', pauseMs = 0): WireHandler =>
  streamOf(
    [
      ...said.answer.split(/(?= )/).map((content) => delta({ content })),
      ...(ending === 'done' ? [finish('stop')] : []),
    ],
    { ending, pauseMs },
  );
/** An error that quotes what was asked, as vendors do. */
const quoting = (status: number) => (said: Said) =>
  fails(status, { error: { message: `cannot answer: ${said.question} ${said.system} ${said.answer}` } });

const ways: Record<string, Way> = {
  whole: { path: chat, body: chatOf(), answer: ({ answer }) => whole(answer), ends: true },
  streamed: { path: chat, body: chatOf({ stream: true }), answer: (said) => inPieces(said, 'done'), ends: true },
  'streamed for longer than a second': {
    path: chat,
    body: chatOf({ stream: true }),
    answer: (said) => inPieces(said, 'done', 300),
    ends: true,
    slow: true,
  },
  'cut in mid-stream': {
    path: chat,
    body: chatOf({ stream: true }),
    answer: (said) => inPieces(said, 'cut', 300),
    ends: false,
    slow: true,
  },
  'refused by the provider': { path: chat, body: chatOf(), answer: quoting(400), ends: false },
  'failed at the provider': { path: chat, body: chatOf(), answer: quoting(500), ends: false },
  'failed at the provider in a stream': {
    path: chat,
    body: chatOf({ stream: true }),
    answer: (said) => streamOf([delta({ content: said.answer }), { error: { message: said.question } }]),
    ends: false,
  },
  'not understood': {
    path: chat,
    body: chatOf(),
    answer: (said) => fails(200, `{"choices": ${said.answer} ${said.question}`),
    ends: false,
  },
  'with tools, images and a user': {
    path: chat,
    body: (said) => ({
      model,
      user: said.system,
      metadata: { note: said.system },
      tools: [{ type: 'function', function: { name: 'f', description: said.question } }],
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `data:,${said.question}` } }] }],
    }),
    answer: (said) => (_request, response) => {
      const call = { id: said.answer, type: 'function', function: { name: 'f', arguments: said.answer } };
      const message = { role: 'assistant', content: null, reasoning: said.answer, tool_calls: [call] };
      sendJson(response, completionOf([{ index: 0, message, finish_reason: 'tool_calls' }]));
    },
    ends: true,
  },
  'a text completion': {
    path: '/v1/completions',
    body: ({ question, system }) => ({ model, prompt: question, suffix: system }),
    answer:
      ({ answer }) =>
      (_request, response) =>
        sendJson(response, completionOf([{ index: 0, text: answer, finish_reason: 'stop' }])),
    ends: true,
  },
  'a response': {
    path: '/v1/responses',
    body: ({ question, system }) => ({ model, input: question, instructions: system }),
    answer: ({ answer }) => whole(answer),
    ends: true,
  },
  'an embedding': {
    path: '/v1/embeddings',
    body: ({ question, system }) => ({ model, input: [question, system] }),
    answer: () => (_request, response) =>
      sendJson(response, {
        object: 'list',
        model: 'tiny',
        data: [{ object: 'embedding', index: 0, embedding: [0.25, -1] }],
        usage: { prompt_tokens: 7, total_tokens: 7 },
      }),
    ends: true,
  },
};

interface Sent {
  said: Said;
  response: Response;
  text: string;
}

async function send(way: Way, more: JsonObject = {}, key?: string): Promise<Sent> {
  const said = makeUpChat();
  wire.answerWith(way.answer(said));
  const response = await api.send('POST', way.path, { ...way.body(said), ...more }, key === undefined ? {} : { key });
  const text = await response.text();
  return { said, response, text };
}

/** Nothing of it stands in any file, now and when the process has ended. */
function expectUnsaid({ said }: Sent): void {
  unsaid.push(...said.traces);
  expect(api.filesWith(said.traces)).toEqual([]);
}

async function recordOf({ response }: Sent) {
  const id = response.headers.get('x-ratchet-completion-id') ?? '';
  const found = await api.send('GET', `/api/completions/${id}`);
  return {
    status: found.status,
    record: (await found.json()) as { messages: unknown[]; choices: unknown[]; state: string },
  };
}

async function sums(): Promise<{ requests: number; prompt_tokens: number }> {
  const { items } = (await (await api.send('GET', '/api/usage?by=')).json()) as {
    items: { requests: number; prompt_tokens: number }[];
  };
  return items[0] ?? { requests: 0, prompt_tokens: 0 };
}

async function newKey(record: string): Promise<string> {
  const made = await api.send('POST', '/api/keys', { name: `k${Math.random().toString(36).slice(2)}`, record });
  return ((await made.json()) as { key: string }).key;
}

describe('control: with everything recorded, the search finds what was said', () => {
  test.each(Object.entries(ways).filter(([, { ends }]) => ends))('%s', async (name, way) => {
    const { said, text } = await send(way);
    if (name !== 'an embedding') expect(text).toContain(said.traces[2]);
    const found = api.filesWith(said.traces).map((line) => line.split(': ')[1]);
    const [system, question, answer] = said.traces;
    expect(found).toEqual(
      expect.arrayContaining(name === 'an embedding' ? [system, question] : [system, question, answer]),
    );
  });
});

describe('store: false', () => {
  test.each(Object.entries(ways))('%s', async (name, way) => {
    const sent = await send(way, { store: false });
    if (way.ends && name !== 'an embedding') expect(sent.text).toContain(sent.said.traces[2]);
    expectUnsaid(sent);
    if (!way.ends) return;
    const { status, record } = await recordOf(sent);
    expect(status).toBe(200);
    expect(record).toMatchObject({ state: 'complete', messages: [], choices: [] });
  });

  test('the client leaves in mid-stream', async () => {
    const said = makeUpChat();
    wire.answerWith(streamOf([delta({ content: said.answer })], { ending: 'hang' }));
    const leaving = new AbortController();
    const body = { ...chatOf({ stream: true })(said), store: false };
    const response = await api.send('POST', chat, body, leaving);
    await response.body?.getReader().read();
    leaving.abort();
    await wire.requests.at(-1)?.cut;
    await sleep(1_200);
    expectUnsaid({ said, response, text: '' });
  });
});

describe.each(['meta', 'none'] as const)('record: %s', (record) => {
  const places: Record<string, () => Promise<{ more: JsonObject; key?: string }>> = {
    'on the key': async () => ({ more: {}, key: await newKey(record) }),
    'on the route': async () => {
      await api.settings({ routes: { quiet: { model, record } } });
      return { more: { model: 'quiet' } };
    },
    'on the provider': async () => {
      await api.settings({ providers: { ollama: { record } } });
      return { more: {} };
    },
  };
  describe.each(Object.entries(places))('%s', (place, prepare) => {
    let prepared: Awaited<ReturnType<typeof prepare>>;
    beforeAll(async () => {
      prepared = await prepare();
    });
    afterAll(() => api.settings({}));

    const tried = Object.entries(ways).filter(([, { slow }]) => place === 'on the key' || !slow);
    test.each(tried)('%s', async (_name, way) => {
      const before = await sums();
      const sent = await send(way, prepared.more, prepared.key);
      expectUnsaid(sent);
      expect((await recordOf(sent)).status).toBe(record === 'meta' ? 200 : 404);
      await expect.poll(async () => (await sums()).requests).toBe(before.requests + 1);
      const after = await sums();
      if (way.ends && sent.text.includes('usage')) expect(after.prompt_tokens).toBe(before.prompt_tokens + 7);
    });
  });
});

describe('what is not even a chat is not logged', () => {
  test.each<[string, (said: Said) => unknown]>([
    ['no JSON', ({ question, system }) => `{"messages": "${system}", ${question}`],
    ['no messages', ({ question, system, answer }) => ({ model, prompt: [question, system, answer] })],
    ['messages that are none', ({ question }) => ({ model, messages: [question] })],
    ['nested too deep', ({ question }) => `${'['.repeat(5_000)}"${question}"${']'.repeat(5_000)}`],
    ['a model that nobody has', (said) => ({ ...chatOf()(said), model: 'nobody/has-it' })],
  ])('%s', async (_name, bodyOf) => {
    const said = makeUpChat();
    const response = await api.send('POST', chat, bodyOf(said));
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
    expectUnsaid({ said, response, text: await response.text() });
  });
});

test('nothing of it has come out when the process has ended', async () => {
  await api.stop();
  expect(unsaid.length).toBeGreaterThan(200);
  expect(api.filesWith(unsaid)).toEqual([]);
  expect(api.filesWith(['listening'])).toEqual([expect.stringContaining('api.log')]);
});
