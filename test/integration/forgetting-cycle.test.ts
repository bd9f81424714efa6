import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical.ts';
import type { ForgetReport } from '../../src/core/forgetting.ts';
import { createOllamaClient } from '../../src/models/ollama.ts';
import { openHouse } from '../../src/workspace/house.ts';
import { saltFor } from '../fixtures/learned-chats.ts';
import { makeUpChat } from '../fixtures/said.ts';
import {
  type CycleView,
  type TestWorkspace,
  addRatedChats,
  inState,
  recordAnswer,
  startCycle,
  startTestWorkspace,
  testRecipe,
  untilCycle,
} from '../fixtures/workspace.ts';

const base = 'ollama/test-tiny-support-base';
const said = makeUpChat();
let house: TestWorkspace;
let talk: { id: string; conversation: string; node: string };
let trained: CycleView;

beforeAll(async () => {
  house = await startTestWorkspace();
  await addRatedChats(house, 40);
  talk = await addSecret();
});
afterAll(() => house?.stop());

async function addSecret(): Promise<typeof talk> {
  const rooms = await openHouse(house.config);
  const { chats, feedback } = rooms.store;
  try {
    const id = await recordAnswer(rooms.store, said.question, said.answer);
    await feedback.add({ completionId: id, choice: 0, rater: 'local', rating: 1, comment: said.system, source: 'api' });
    const record = await chats.get(id);
    return { id, conversation: record?.conversationId ?? '', node: record?.node ?? '' };
  } finally {
    await rooms.close();
  }
}

/** Files of the installation that hold a trace of what was said; Ollama's weights are not text. */
async function filesWith(texts: readonly string[]): Promise<string[]> {
  const entries = await readdir(house.folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name);
    if (path.startsWith(join(house.folder, 'ollama'))) continue;
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    if (texts.some((text) => bytes.includes(text))) found.push(path.slice(house.folder.length + 1));
  }
  return found;
}

/** Tokens of chats are chats. */
async function preparedTokens(): Promise<string[]> {
  const files = await readdir(house.folder, { recursive: true });
  return files.filter((file) => file.endsWith('tokens.safetensors'));
}

async function ask(model: string): Promise<Response> {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }], max_tokens: 4, store: false });
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${house.workspace.api}/v1/chat/completions`, { method: 'POST', headers, body });
  await response.text();
  expect(response.status).toBe(200);
  return response;
}

test('a cycle learns from it, is judged by it, and its model is selected', async () => {
  const recipe = testRecipe(house.world, {
    name: 'learned',
    build: { val: 0, test: 0.2, salt: saltFor(talk.node) },
    train: { epochs: 1, max_steps: 4, checkpoint_steps: 2 },
    evaluate: { max_prompts: 40, max_tokens: 8, concurrency: 2 },
    gate: {},
  });
  trained = await untilCycle(house.api, await startCycle(house.api, recipe), inState('completed', 'needs_attention'));
  expect(trained.state).toBe('completed');
  const modelVersion = trained.outputs.import?.modelVersion;
  await house.api.post('/api/promotions', { model_version: modelVersion });
  expect((await ask('active')).headers.get('x-ratchet-warning')).toBeNull();
  const lineage = await house.api.get<JsonObject>(`/api/completions/${talk.id}/lineage`);
  expect(lineage).toMatchObject({
    datasets: [{ split: 'test', row: `${talk.id}.0` }],
    models: [{ id: modelVersion, stale: null }],
  });
  expect((await filesWith(said.traces)).some((file) => file.includes('test.jsonl'))).toBe(true);
  expect(await preparedTokens()).not.toEqual([]);
});

test('forgotten, its model answers with a warning, and what it learned from is in no file', async () => {
  const report = await house.api.post<ForgetReport>('/api/forget', { conversation: talk.conversation });
  expect(report).toMatchObject({
    state: 'done',
    completions: 1,
    // The row, and its judged answer beside it.
    datasets: [{ rows: 2 }],
    models: [{ deleted: false }],
  });
  // Of a run there is what it was told, what came of it, and its log.
  const runs = trained.steps.map(({ key }) => join(house.config.dataDir, 'cycles', trained.id, key));
  const left = (await Promise.all(runs.map((run) => readdir(run).catch(() => [])))).flat();
  expect(left.filter((name) => name !== 'adapter' && !/\.(json|log|lock)$/.test(name))).toEqual([]);
  expect(left).toContain('adapter');
  expect(await filesWith(said.traces)).toEqual([]);
  expect(await preparedTokens()).toEqual([]);
  expect((await ask('active')).headers.get('x-ratchet-warning')).toMatch(/^stale: /);
  expect((await ask(base)).headers.get('x-ratchet-warning')).toBeNull();
  // What the evaluation found stays.
  const evaluation = await house.api.get<JsonObject>(`/api/cycles/${trained.id}/evaluation`);
  expect(evaluation.means).not.toEqual({});
});

test('--now goes back to what learned nothing of it, and deletes the model with its adapter', async () => {
  const served = trained.outputs.import?.served ?? '';
  const ollama = createOllamaClient(house.config.ollamaUrl);
  const name = served.slice('ollama/'.length);
  expect(await ollama.find(name)).not.toBeNull();
  const run = join(house.config.dataDir, 'cycles', trained.id, trained.outputs.train?.run ?? '');
  expect(await readdir(run)).toContain('adapter');
  const body = { conversation: talk.conversation, now: true };
  const report = await house.api.post<ForgetReport>('/api/forget', body);
  expect(report).toMatchObject({ state: 'done', selected: base, models: [{ served, deleted: true }], notes: [] });
  expect(await ollama.find(name)).toBeNull();
  await expect(readdir(run)).rejects.toThrow();
  expect((await ask('active')).headers.get('x-ratchet-model')).toBe(base.slice('ollama/'.length));
  const { items } = await house.api.get<{ items: JsonObject[] }>('/api/models');
  expect(items).toMatchObject([{ stale: { rows: 2 }, deleted_at: expect.any(String) as string }]);
  expect(await filesWith(said.traces)).toEqual([]);
});

test('what is built afterwards holds nothing of it and is learned from again', async () => {
  const recipe = testRecipe(house.world, {
    name: 'learned',
    build: { val: 0.2, test: 0.2 },
    train: { epochs: 1, max_steps: 2 },
    evaluate: { max_prompts: 4, max_tokens: 4, concurrency: 2 },
    gate: {},
  });
  const again = await untilCycle(
    house.api,
    await startCycle(house.api, recipe),
    inState('completed', 'needs_attention'),
  );
  expect(again.state).toBe('completed');
  expect(again.outputs.build?.dataset).not.toBe(trained.outputs.build?.dataset);
  const { items } = await house.api.get<{ items: JsonObject[] }>('/api/models');
  expect(items[0]).toMatchObject({ stale: null, deleted_at: null });
  expect(await filesWith(said.traces)).toEqual([]);
});
