import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import { type RealApi, startRealApi } from '../fixtures/real-api.ts';
import { type WireServer, startWireServer, whole } from '../fixtures/wire-server.ts';

let wire: WireServer;
let home: string;
let api: RealApi;

beforeAll(async () => {
  wire = await startWireServer(['tiny'], whole('An answer that is long enough to be told from others by its words.'));
  home = await mkdtemp(join(tmpdir(), 'ratchet-extras-'));
  api = await startRealApi(home, { OPENAI_BASE_URL: wire.url, OPENAI_API_KEY: 'wire' });
});
afterAll(async () => {
  await api.stop();
  await wire.close();
  await rm(home, { recursive: true, force: true });
});

async function send(method: string, path: string, body: JsonObject): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(api.url + path, { method, headers, body: JSON.stringify(body) });
}

const model = 'openai/tiny';
const messages = [{ role: 'user', content: 'Which heater is the quietest?' }];

test('ratchet api takes templates, goes on by id, gives answers again, and compares', async () => {
  expect((await send('PUT', '/api/prompts/support', { template: 'You help {{company}}.' })).status).toBe(200);
  const prompt = { id: 'support', variables: { company: 'Ember' } };
  const chat = (more: JsonObject) => send('POST', '/v1/chat/completions', { model, messages, ...more });
  const first = await chat({ prompt, cache: { max_age: 60 } });
  expect([first.status, first.headers.get('x-ratchet-cache')]).toEqual([200, 'miss']);
  expect(wire.requests.at(-1)?.body.messages).toEqual([{ role: 'system', content: 'You help Ember.' }, ...messages]);
  const again = await chat({ prompt, cache: { max_age: 60 } });
  expect([again.headers.get('x-ratchet-cache'), again.headers.get('x-ratchet-provider')]).toEqual(['hit', 'cache']);
  const asked = wire.requests.length;
  const next = await chat({ conversation: first.headers.get('x-conversation-id') ?? '' });
  expect(next.status).toBe(200);
  expect(wire.requests).toHaveLength(asked + 1);
  const answer = { role: 'assistant', content: expect.stringMatching(/^An answer/) };
  const system = { role: 'system', content: 'You help Ember.' };
  expect(wire.requests.at(-1)?.body).toMatchObject({ messages: [system, ...messages, answer, ...messages] });
  const compared = await send('POST', '/api/comparisons', { models: [model, model], messages, prompt });
  const { id, answers } = (await compared.json()) as { id: string; answers: JsonObject[] };
  expect(answers.map(({ error }) => error)).toEqual([null, null]);
  expect((await send('POST', `/api/comparisons/${id}/choice`, { answer: 1 })).status).toBe(201);
});
