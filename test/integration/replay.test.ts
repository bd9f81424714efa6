import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DatasetRow } from '../../src/core/dataset.ts';
import type { RecipeInput } from '../../src/core/recipe.ts';
import type { CycleEvent } from '../../src/core/cycle.ts';
import { readRows } from '../../src/dataset/export.ts';
import { readEvents } from '../../src/store/event-log.ts';
import {
  type CycleView,
  type TestWorkspace,
  addRatedChats,
  startCycle,
  startTestWorkspace,
  testRecipe,
  untilCycle,
} from '../fixtures/workspace.ts';

const base = 'ollama/test-tiny-support-base';
const taught = 30;
const seed = 3;

let house: TestWorkspace;
beforeAll(async () => {
  house = await startTestWorkspace();
  await addRatedChats(house, taught);
});
afterAll(() => house?.stop());

/** Prompts that nobody rated, one that somebody did, and one that the suite asks. */
function prompts(): string[] {
  const { train_prompts: unrated, eval_prompts: asked } = house.world;
  return [...unrated.slice(taught - 1, taught + 6), ...asked.slice(0, 1)].map(({ prompt }) => prompt);
}

function recipe(): RecipeInput {
  return testRecipe(house.world, {
    build: { val: 0, test: 0, near_duplicates: null, replay: { prompts: prompts(), max_tokens: 48, seed } },
    train: { max_steps: 1, batch_size: 40, micro_batch_size: 40 },
  });
}

/** Runs a cycle up to a step, and ends it. */
async function cycleUpTo(step: 'build' | 'train'): Promise<CycleView> {
  const id = await startCycle(house.api, recipe());
  const isOver = ({ outputs, state }: CycleView) => outputs[step] !== undefined || state === 'needs_attention';
  const cycle = await untilCycle(house.api, id, isOver);
  await house.api.post(`/api/cycles/${id}/abort`, {});
  return cycle;
}

async function askedIn({ id }: CycleView): Promise<CycleEvent['data'][]> {
  const events = await readEvents(house.config.dataDir, id, 0);
  return events.flatMap(({ event }) => (event.step === 'build' && 'model' in event.data ? [event.data] : []));
}

async function rowsIn({ outputs }: CycleView): Promise<DatasetRow[]> {
  const { name = '', dataset = '' } = outputs.build ?? {};
  const rows: DatasetRow[] = [];
  for await (const row of readRows(join(house.config.datasetsDir, name, dataset, 'train.jsonl'))) rows.push(row);
  return rows;
}

/** What the served base says, asked as anybody would. */
async function said(messages: unknown): Promise<unknown> {
  const request = { model: base, messages, temperature: 0, seed, max_tokens: 48 };
  const answer = await house.api.post<{ choices: { message: { content: string } }[] }>('/v1/chat/completions', request);
  return answer.choices[0]?.message.content.trim();
}

test('a cycle trains on what the base really says beside what people taught; a second one asks nothing', async () => {
  const first = await cycleUpTo('train');
  expect(first.attention).toBeNull();
  const rows = (await rowsIn(first)).filter(({ meta }) => meta.signal === 'replay');
  expect(rows).toHaveLength(6);
  for (const { messages, meta } of rows) {
    expect(meta).toEqual({ completion: null, choice: null, signal: 'replay', author: base, node: null, anchor: null });
    expect(messages.at(-1)?.content).toBe(await said(messages.slice(0, -1)));
  }
  const digest = first.outputs.build?.dataset ?? '';
  const version = await house.api.get<{ stages: object[]; signals: object }>(`/api/datasets/${digest}`);
  expect(version).toMatchObject({ replay: expect.any(String), signals: { corrected: taught, replay: 6 } });
  const dropped = { in_an_evaluation: 1, prompt_is_taught: 1 };
  expect(version.stages.at(-1)).toMatchObject({ stage: 'replay', in: 8, out: 6, dropped });
  expect((await askedIn(first)).at(0)).toMatchObject({ replay: { asked: 8, known: 0 }, model: base });
  expect((await askedIn(first)).at(-1)).toMatchObject({ done: 8, total: 8 });
  const tokens = await house.api.get<{ fault: null; learned: number }>(
    `/api/datasets/${digest}/rows/${rows[0]?.id}/tokens`,
  );
  expect(tokens).toMatchObject({ fault: null, learned: expect.any(Number) });

  const second = await cycleUpTo('build');
  expect(second.outputs.build).toEqual(first.outputs.build);
  expect(await askedIn(second)).toEqual([{ replay: { asked: 0, known: 8 }, done: 8, total: 8, model: base }]);
});
