import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import { type ApiProcess, startApiProcess } from '../fixtures/api-process.ts';
import { type Said, makeUpChat } from '../fixtures/said.ts';
import { type WireServer, startWireServer, whole } from '../fixtures/wire-server.ts';

let wire: WireServer;
let api: ApiProcess;
let env: Record<string, string>;

beforeAll(async () => {
  wire = await startWireServer(['tiny']);
  env = { OLLAMA_BASE_URL: wire.url.replace(/\/v1$/, ''), OPENAI_BASE_URL: wire.url };
  api = await startApiProcess(env);
});
afterAll(async () => {
  await api.remove();
  await wire.close();
});

/** A second, in days. */
const second = 1 / 86_400;

async function chat(said: Said, history: JsonObject[] = [], more: JsonObject = {}): Promise<string> {
  wire.answerWith(whole(said.answer));
  const messages = [...history, { role: 'system', content: said.system }, { role: 'user', content: said.question }];
  const response = await api.send('POST', '/v1/chat/completions', { model: 'ollama/tiny', messages, ...more });
  await response.text();
  expect(response.status).toBe(200);
  return response.headers.get('x-ratchet-completion-id') ?? '';
}

test('what is older than it may be is in no file any more, and what is younger is', async () => {
  const [first, second_, third] = [makeUpChat(), makeUpChat(), makeUpChat()];
  const rated = makeUpChat();
  const id = await chat(first);
  await chat(second_, [{ role: 'user', content: first.question }], { stream: true });
  const opinion = {
    completion_id: id,
    rating: -1,
    comment: rated.question,
    correction: { role: 'assistant', content: rated.answer },
  };
  expect((await api.send('POST', '/api/feedback', opinion)).status).toBeLessThan(300);
  const old = [...first.traces, ...second_.traces, ...rated.traces.slice(1)];
  const missing = () => old.filter((trace) => api.filesWith([trace]).length === 0);
  expect(missing()).toEqual([]);

  await api.stop();
  await sleep(2_100);
  api = await startApiProcess(env, { retention: { days: 2 * second } }, api.home);
  await expect.poll(() => api.filesWith(old), { timeout: 60_000, interval: 200 }).toEqual([]);

  const found = (await (await api.send('GET', `/api/completions/${id}`)).json()) as JsonObject;
  expect(found).toMatchObject({ id, state: 'complete' });
  const sums = (await (await api.send('GET', '/api/usage?by=')).json()) as { items: { requests: number }[] };
  expect(sums.items[0]?.requests).toBe(2);
  await chat(third);
  expect(third.traces.filter((trace) => api.filesWith([trace]).length === 0)).toEqual([]);
  await api.stop();
  expect(api.filesWith(old)).toEqual([]);
  expect(third.traces.filter((trace) => api.filesWith([trace]).length === 0)).toEqual([]);
});
