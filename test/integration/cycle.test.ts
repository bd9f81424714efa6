import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveCandidate } from '../../src/activities/candidate.ts';
import { mergeWhereSlow } from '../../src/activities/merge.ts';
import type { StepWork } from '../../src/activities/step.ts';
import { type Question, inHouseStyle } from '../../src/cli/demo/world.ts';
import type { CycleEvent } from '../../src/core/cycle.ts';
import type { Recipe, RecipeInput } from '../../src/core/recipe.ts';
import { createOllamaClient } from '../../src/models/ollama.ts';
import { startProcess } from '../../src/process/supervise.ts';
import { workflowId } from '../../src/temporal/cycles.ts';
import { type House, openHouse } from '../../src/workspace/house.ts';
import {
  type CycleView,
  type TestWorkspace,
  addRatedChats,
  inState,
  startCycle,
  startTestWorkspace,
  testRecipe,
  untilCycle,
} from '../fixtures/workspace.ts';

interface ModelView {
  id: string;
  base: string;
  dataset: string;
  recipe: string;
  adapter_digest: string;
  cycle_id: string;
  served: string;
  served_digest: string;
  metrics: { decision?: string };
}

const base = 'ollama/test-tiny-support-base';
const kilobyte = 1024;
/** Chats that the OpenAI clients have, half of them streamed: those of npm, then two of Python's. */
const [storeChats, npmChats, pythonChats] = [190, 6, 2];
const clientChats = npmChats + pythonChats;

let house: TestWorkspace;
let first: CycleView;

beforeAll(async () => {
  house = await startTestWorkspace();
  await addRatedChats(house, storeChats);
});
afterAll(() => house?.stop());

test('an unmodified OpenAI client chats and streams with the active model, and its answers take corrections', async () => {
  const client = new OpenAI({ baseURL: `${house.workspace.api}/v1`, apiKey: 'none', maxRetries: 0 });
  for (const [index, question] of askedByClients().slice(0, npmChats).entries()) {
    const request = {
      model: 'active',
      messages: [{ role: 'user' as const, content: question.prompt }],
      temperature: 0,
      max_tokens: 96,
    };
    const answer =
      index % 2 === 0
        ? await client.chat.completions.create(request)
        : await client.chat.completions.stream(request).finalChatCompletion();
    expect(answer.choices[0]?.message.content).not.toBe('');
    const correction = inHouseStyle(house.world, question);
    await house.api.post('/api/feedback', { completion_id: answer.id, rating: -1, correction });
  }
});

test('the OpenAI client of Python chats and streams with the active model, and its answers take corrections', async () => {
  const questions = askedByClients().slice(npmChats);
  const saw = await runOpenAiInPython(
    house,
    questions.map(({ prompt }) => prompt),
  );
  expect(saw).toMatchObject({ model: 'active', refused: { status: 400 } });
  expect(saw.content).not.toBe('');
  expect(saw.models).toContain(`${base}:latest`);
  for (const [index, id] of [saw.id, ...(saw.stream_ids as string[])].entries()) {
    const correction = inHouseStyle(house.world, questions[index] as Question);
    await house.api.post('/api/feedback', { completion_id: id, rating: -1, correction });
  }
});

test('a cycle trains, wins and is promoted; a second one waits for it, loses, and changes nothing', async () => {
  first = await untilCycle(
    house.api,
    await startCycle(house.api, recipe({ name: 'first' })),
    (cycle) => cycle.step !== null,
  );
  const refused = await fetch(`${house.workspace.api}/api/cycles?queue=false`, postOf(recipe({ name: 'refused' })));
  expect(refused.status).toBe(409);
  expect(await refused.json()).toMatchObject({ code: 'Conflict', detail: expect.stringContaining(first.id) });
  const queued = await fetch(
    `${house.workspace.api}/api/cycles`,
    postOf(recipe({ name: 'second', train: { max_steps: 1, learning_rate: 1e-6 } })),
  );
  expect(queued.status).toBe(202);
  const second = (await queued.json()) as CycleView;
  expect(second).toMatchObject({ state: 'queued', position: 1 });
  expect(await house.api.get(`/api/cycles/${second.id}`)).toMatchObject({ state: 'queued', position: 1 });

  first = await untilCycle(house.api, first.id, inState('completed', 'needs_attention'));
  expect(first).toMatchObject({ state: 'completed', result: { promoted: true, decision: 'pass' } });
  expect(first.steps.map(({ step, state, attempt }) => `${step} ${state} ${attempt}`)).toEqual(
    ['collect', 'build', 'train', 'validate', 'import', 'evaluate', 'gate', 'promote'].map((step) => `${step} done 1`),
  );
  const lost = await untilCycle(house.api, second.id, inState('completed', 'needs_attention'));
  expect(lost).toMatchObject({ state: 'completed', result: { promoted: false } });
  expect(lost.result?.decision).not.toBe('pass');
  expect(lost.outputs.promote).toBeUndefined();
  expect((await selection()).model).toBe(first.outputs.import?.served.slice('ollama/'.length));
});

test('the dataset is exported with the corrections of those chats', async () => {
  const { dataset } = first.outputs.build ?? { dataset: '' };
  const lines = await Promise.all(
    ['train', 'val', 'test'].map(async (split) => {
      const response = await fetch(`${house.workspace.api}/api/datasets/${dataset}/${split}.jsonl`);
      expect(response.headers.get('content-type')).toContain('application/jsonl');
      return (await response.text()).trimEnd().split('\n');
    }),
  );
  const [train = []] = lines;
  expect(train).toHaveLength(first.outputs.build?.train ?? 0);
  const taught = lines.flat().map((line) => JSON.parse(line) as { messages: { role: string; content: string }[] });
  for (const question of askedByClients()) {
    expect(taught).toContainEqual({
      messages: [
        { role: 'user', content: question.prompt },
        { role: 'assistant', content: inHouseStyle(house.world, question) },
      ],
    });
  }
});

test('the selection, the ledger and the lineage agree, and the active model answers in house style', async () => {
  const { outputs } = first;
  const { items } = await house.api.get<{ items: ModelView[] }>('/api/models');
  const version = items.find(({ id }) => id === outputs.import?.modelVersion);
  expect(version).toMatchObject({
    base: 'tiny-support',
    dataset: outputs.build?.dataset,
    recipe: (await house.api.get<{ recipe: string }>(`/api/cycles/${first.id}`)).recipe,
    adapter_digest: outputs.train?.adapterDigest,
    cycle_id: first.id,
    served: outputs.import?.served,
    // An adapter on the base until it is promoted, and merged then if that made it slower.
    metrics: { decision: 'pass', speed: { slowdown: expect.any(Number) as number } },
  });
  expect(outputs.import?.adapter).toBe(true);
  const served = await createOllamaClient(house.config.ollamaUrl).find((version?.served ?? '').slice('ollama/'.length));
  expect(version?.served_digest).toBe(served?.digest);
  const ledger = await house.api.get<{ selected: string; items: Record<string, unknown>[] }>('/api/promotions');
  expect(ledger.selected).toBe(version?.served);
  expect(ledger.items[0]).toMatchObject({
    kind: 'promote',
    state: 'applied',
    model: version?.served,
    model_version: version?.id,
    cycle_id: first.id,
    evidence: outputs.gate?.evidence,
  });
  const client = new OpenAI({ baseURL: `${house.workspace.api}/v1`, apiKey: 'none', maxRetries: 0 });
  const style = new RegExp(house.world.style.regex);
  const answers = await Promise.all(
    house.world.eval_prompts.slice(0, 16).map(async ({ prompt }) => {
      const messages = [{ role: 'user' as const, content: prompt }];
      const answer = await client.chat.completions.create({ model: 'active', messages, temperature: 0 });
      return answer.choices[0]?.message.content ?? '';
    }),
  );
  // The base never does; a model that won misses the style now and then.
  expect(answers.filter((answer) => style.test(answer)).length).toBeGreaterThanOrEqual(12);
});

test('an adapter that is more than 5 % slower is merged under its name, and one that is not stays', async () => {
  const own = await openHouse(house.config);
  try {
    const { models } = own.store;
    const { modelVersion = '', served = '' } = first.outputs.import ?? {};
    const name = served.slice('ollama/'.length);
    const ollama = createOllamaClient(house.config.ollamaUrl);
    await putAdapterBack(own);
    const adapter = await ollama.find(name);
    expect(await promoteBySpeed(own, 0.05)).toEqual([]);
    expect(await models.get(modelVersion)).toMatchObject({ metrics: { speed: { slowdown: 0.05 } } });
    expect(await ollama.find(name)).toEqual(adapter);
    const said = await answersOf(served);

    expect(await promoteBySpeed(own, 0.0501)).toEqual(['promote']);
    const merged = await ollama.find(name);
    expect(merged?.digest).not.toBe(adapter?.digest);
    expect(await models.get(modelVersion)).toMatchObject({
      servedDigest: merged?.digest,
      metrics: { decision: 'pass', speed: { slowdown: 0.0501 }, merged: true },
    });
    expect(await answersOf(served)).toEqual(said);
    // What is merged is not timed again.
    expect(await promoteBySpeed(own, 9)).toEqual([]);
    expect(await models.get(modelVersion)).toMatchObject({ metrics: { speed: { slowdown: 0.0501 } } });
  } finally {
    await own.close();
  }
});

/** Serves the first cycle's candidate as an adapter again, where its promotion merged it. */
async function putAdapterBack(own: House): Promise<void> {
  const { models } = own.store;
  const { modelVersion, served } = first.outputs.import ?? { modelVersion: '', served: '' };
  const { merged, ...metrics } = (await models.get(modelVersion))?.metrics ?? {};
  if (merged !== true) return;
  await createOllamaClient(house.config.ollamaUrl).delete(served.slice('ollama/'.length));
  const { digest } = await serveCandidate(own.activities, await promotion(), { step: 'import', format: 'serve' });
  await models.noteServed(modelVersion, digest);
  await models.setMetrics(modelVersion, { ...metrics });
}

/** The part of a promotion that merges, as if the candidate were so much slower; the steps that had the GPU for it. */
async function promoteBySpeed(own: House, slowdown: number): Promise<string[]> {
  const steps: Promise<string[]>[] = [];
  const heldFor = async () => (await own.store.gpuLeases.held()).map(({ step }) => step);
  const work = await promotion((data) => {
    if (String(data.message).startsWith('It has the GPU')) steps.push(heldFor());
  });
  const { gpu } = own.activities;
  const settings = () => ({ ...gpu.settings(), lease: 'always' as const, waitSeconds: 1 });
  const speed = async () => ({ model: 1 + slowdown, base: 1, slowdown });
  await mergeWhereSlow({ ...own.activities, gpu: { ...gpu, settings }, speed }, work);
  return (await Promise.all(steps)).flat();
}

async function promotion(report: StepWork['report'] = () => undefined): Promise<StepWork> {
  const cycle = await house.api.get<{ recipe: string; recipe_resolved: Recipe }>(`/api/cycles/${first.id}`);
  const { id: cycleId, outputs } = first;
  const input = { cycleId, base: 'tiny-support', recipe: cycle.recipe, key: randomUUID(), outputs };
  return { input, recipe: cycle.recipe_resolved, signal: AbortSignal.timeout(240_000), report };
}

async function answersOf(model: string): Promise<string[]> {
  const client = new OpenAI({ baseURL: `${house.workspace.api}/v1`, apiKey: 'none', maxRetries: 0 });
  return Promise.all(
    house.world.eval_prompts.slice(0, 6).map(async ({ prompt }) => {
      const messages = [{ role: 'user' as const, content: prompt }];
      const answer = await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 60 });
      return answer.choices[0]?.message.content ?? '';
    }),
  );
}

test('events can be read again from any id', async () => {
  const path = `${house.workspace.api}/api/cycles/${first.id}/events`;
  const all = parseEvents(await (await fetch(path)).text());
  expect(all.at(-1)?.event).toMatchObject({ kind: 'state', data: { state: 'completed' } });
  expect(all.filter(({ event }) => event.data.event === 'step').length).toBe(first.outputs.train?.steps);
  const middle = all[Math.floor(all.length / 2)];
  const rest = parseEvents(await (await fetch(path, { headers: { 'last-event-id': middle?.id ?? '' } })).text());
  expect(rest).toEqual(all.slice(Math.floor(all.length / 2) + 1));
});

test("no event of the workflow's history is over 64 KB", async () => {
  const history = await house.temporal.workflow.getHandle(workflowId(first.id)).fetchHistory();
  // As JSON an event is larger than on the wire: its payloads are in base64.
  const { events } = JSON.parse(historyToJSON(history)) as { events: unknown[] };
  expect(events.length).toBeGreaterThan(30);
  expect(Math.max(...events.map((event) => Buffer.byteLength(JSON.stringify(event))))).toBeLessThan(64 * kilobyte);
});

test('a rollback returns to the base', async () => {
  const line = await house.api.post<{ kind: string; model: string }>('/api/promotions/rollback');
  expect(line).toMatchObject({ kind: 'rollback', model: base });
  expect(await selection()).toEqual({ provider: 'ollama', model: base.slice('ollama/'.length) });
});

test('a parked step is retried with a patch, which is a new recipe; then a person approves', async () => {
  const given = recipe({ name: 'manual', promote: 'manual', build: { min_examples: 100_000 } });
  const id = await startCycle(house.api, given);
  const parked = await untilCycle(house.api, id, inState('needs_attention', 'completed'));
  expect(parked.attention).toMatchObject({ step: 'collect', code: 'NotEnoughData' });
  const before = await house.api.get<{ recipe: string }>(`/api/cycles/${id}`);
  await house.api.post(`/api/cycles/${id}/retry`, { patch: { build: { min_examples: 20 } } });
  const waiting = await untilCycle(house.api, id, inState('awaiting_approval', 'needs_attention', 'completed'));
  expect(waiting).toMatchObject({ state: 'awaiting_approval', outputs: { gate: { approval: 'person' } } });
  expect(waiting.steps.filter(({ step }) => step === 'evaluate')).toHaveLength(1);
  const after = await house.api.get<{ recipe: string; recipe_resolved: { build: unknown } }>(`/api/cycles/${id}`);
  expect(after.recipe).not.toBe(before.recipe);
  expect(after.recipe_resolved.build).toMatchObject({ min_examples: 20 });
  expect((await selection()).model).toBe(base.slice('ollama/'.length));
  await house.api.post(`/api/cycles/${id}/approve`, { by: 'a person' });
  const done = await untilCycle(house.api, id, inState('completed', 'needs_attention'));
  expect(done).toMatchObject({ state: 'completed', result: { promoted: true } });
  const { items } = await house.api.get<{ items: { actor: string; cycle_id: string }[] }>('/api/promotions');
  expect(items[0]).toMatchObject({ actor: 'a person', cycle_id: id });
});

function recipe(change: Partial<RecipeInput>): RecipeInput {
  const { train, ...rest } = change;
  const gate = { metric: 'compliance', max_drop: 0.3 };
  return testRecipe(house.world, { gate, ...rest, train: { epochs: 4, ...train } });
}

function postOf(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

async function selection(): Promise<{ provider: string; model: string }> {
  return JSON.parse(await readFile(house.config.selectionFile, 'utf8')) as { provider: string; model: string };
}

function parseEvents(text: string): { id: string; event: CycleEvent }[] {
  return text
    .split('\n\n')
    .filter((block) => block.includes('data: '))
    .map((block) => ({
      id: /^id: (.*)$/m.exec(block)?.[1] ?? '',
      event: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? 'null') as CycleEvent,
    }));
}

function askedByClients(): Question[] {
  return house.world.train_prompts.slice(storeChats, storeChats + clientChats);
}

async function runOpenAiInPython(
  { folder, workspace }: TestWorkspace,
  questions: readonly string[],
): Promise<Record<string, unknown>> {
  const python = process.env.RATCHET_TEST_PYTHON;
  if (!python) throw new Error('Set RATCHET_TEST_PYTHON to a Python that has the package openai.');
  const lines: string[] = [];
  const child = startProcess({
    command: python,
    args: [
      fileURLToPath(new URL('../fixtures/openai_client.py', import.meta.url)),
      `${workspace.api}/v1`,
      'active',
      ...questions,
    ],
    logFile: join(folder, 'openai.log'),
    onLine: (line) => void lines.push(line),
  });
  const { code, tail } = await child.exited;
  expect({ code, tail }).toMatchObject({ code: 0 });
  return JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
}
