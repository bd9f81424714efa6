import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRun } from '../../test/fixtures/tensorboard.ts';
import type { CycleEvent } from '../core/cycle.ts';
import { type Recipe, recipeSchema } from '../core/recipe.ts';
import { appendEvent } from '../store/event-log.ts';
import { shownTraining } from './shown-training.ts';
import type { StepWork } from './step.ts';

const cycle = '0199a000-0000-7000-8000-000000000000';
const recipe: Recipe = recipeSchema.parse({ name: 'support', base: 'tiny' });
const figures = { steps: 9, loss: 0.5, learning_rate: 0.1, grad_norm: 1, tokens_per_second: 9, memory_bytes: 7 };
const step = (at: number) => ({ event: 'step', step: at, ...figures });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ratchet-shown-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A training that tells this; the events as the cycle has them. */
async function train(told: CycleEvent['data'][], tensorboardDir: string | null = join(folder, 'runs')) {
  const events: CycleEvent[] = [];
  const work = {
    recipe,
    input: { cycleId: cycle, base: 'tiny', recipe: 'r', key: 'k', outputs: {} },
    signal: new AbortController().signal,
    report: (data, kind = 'progress') => void events.push({ at: '', cycle, step: 'train', kind, data }),
  } satisfies StepWork;
  const done = await shownTraining({ tensorboardDir, dataDir: folder }, work, async ({ report }) => {
    for (const data of told) report(data);
    return 'trained';
  });
  for (const event of events) await appendEvent(folder, cycle, event);
  expect(done).toBe('trained');
  return events;
}

const stepsIn = (...path: string[]) => readRun(join(folder, 'runs', ...path))['train/loss']?.map(([at]) => at);

test('a training is a run of its cycle, and goes on with what the attempt before told', async () => {
  const told = [{ event: 'started' }, step(1), step(2)];
  expect((await train(told)).map(({ data }) => data)).toEqual(told);
  await train([{ event: 'started' }, { event: 'resumed', step: 1 }, step(2), step(3)]);
  expect(stepsIn('support', cycle)).toEqual([1, 2, 3]);
});

test('each training of a sweep is a run, and what was told before any of them is none', async () => {
  const of = (combination: number, ...told: CycleEvent['data'][]) => told.map((data) => ({ ...data, combination }));
  const begins = (rank: number) => ({ event: 'sweep', rank, learning_rate: 0.002 });
  await train([
    { event: 'started' },
    ...of(1, begins(4), { event: 'started' }, step(1), step(2)),
    ...of(2, begins(8), { event: 'started' }, step(1)),
  ]);
  await train(of(2, begins(8), { event: 'started' }, { event: 'resumed', step: 1 }, step(2)));
  expect(readdirSync(join(folder, 'runs', 'support', cycle))).toEqual(['rank-4-rate-0.002', 'rank-8-rate-0.002']);
  expect(stepsIn('support', cycle, 'rank-4-rate-0.002')).toEqual([1, 2]);
  expect(stepsIn('support', cycle, 'rank-8-rate-0.002')).toEqual([1, 2]);
});

test('without a folder nothing is written; one that cannot be written is a warning of the step', async () => {
  await train([step(1)], null);
  expect(readdirSync(folder)).toEqual(['cycles']);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const warned = (await train([step(1), step(2)], file)).filter(({ kind }) => kind === 'warning');
  expect(warned).toMatchObject([{ data: { message: expect.stringMatching(/^TensorBoard sees no more/) } }]);
});
