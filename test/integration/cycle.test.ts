import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Question, inHouseStyle } from '../../src/cli/demo/world.ts';
import type { CycleEvent } from '../../src/core/cycle.ts';
import type { RecipeInput } from '../../src/core/recipe.ts';
import { startProcess } from '../../src/process/supervise.ts';
import { workflowId } from '../../src/temporal/cycles.ts';
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
    metrics: { decision: 'pass' },
  });
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
    house.world.eval_prompts.slice(0, 4).map(async ({ prompt }) => {
      const messages = [{ role: 'user' as const, content: prompt }];
      const answer = await client.chat.completions.create({ model: 'active', messages, temperature: 0 });
      return answer.choices[0]?.message.content ?? '';
    }),
  );
  expect(answers.filter((answer) => style.test(answer)).length).toBeGreaterThanOrEqual(3);
});

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
