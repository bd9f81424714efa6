import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { curveOf } from '../../src/core/curve.ts';
import type { RecipeInput, Sweep as ResolvedSweep } from '../../src/core/recipe.ts';
import { runFolder } from '../../src/training/make-job.ts';
import { readRun } from '../fixtures/tensorboard.ts';
import { eventsOf, trainedTo, untilEvent } from '../fixtures/cycle-events.ts';
import {
  type TestWorkspace,
  addRatedChats,
  startCycle,
  startTestWorkspace,
  testRecipe,
  untilCycle,
} from '../fixtures/workspace.ts';

/** A rate that teaches nothing, and the demo's own. */
const rates = [1e-9, 2e-3];
const ranks = [2, 8];
/** The combination in whose middle the worker is killed. */
const killedIn = 3;
/** So many that the kill comes among them, however late it is seen that a training is under way. */
const steps = 48;

type Sweep = Partial<ResolvedSweep>;

let house: TestWorkspace;

beforeAll(async () => {
  house = await startTestWorkspace({ RATCHET_TENSORBOARD_DIR: 'runs' });
  await addRatedChats(house, 48);
});
afterAll(() => house?.stop());

test('of four trainings the best is served on, though the worker was killed in the third', async () => {
  const id = await startCycle(house.api, recipe({}));
  const killed = await killIn(id);
  const cycle = await untilCycle(house.api, id, ({ outputs, attention }) => Boolean(outputs.import ?? attention));
  await house.api.post(`/api/cycles/${id}/abort`);
  expect(cycle.attention).toBeNull();

  const { sweep, adapterDigest, run = '' } = cycle.outputs.train ?? {};
  expect(sweep?.tried.map(({ rank, learningRate }) => [rank, learningRate])).toEqual([
    [2, 1e-9],
    [2, 2e-3],
    [8, 1e-9],
    [8, 2e-3],
  ]);
  const losses = sweep?.tried.map(({ loss }) => loss ?? NaN) ?? [];
  expect(losses[sweep?.kept ?? -1]).toBe(Math.min(...losses));
  // What teaches nothing leaves the base as it is, at either rank.
  expect(losses[2]).toBeCloseTo(losses[0] ?? NaN, 4);
  expect(losses[1]).toBeLessThan((losses[0] ?? NaN) / 2);
  expect(losses[3]).toBeLessThan((losses[0] ?? NaN) / 2);
  expect(sweep?.why).toMatch(/^Of 4 trainings rank \d at rate 0\.002 has the lowest held-out loss/);
  const { baseLoss, candidateLoss } = cycle.outputs.validate ?? {};
  expect(candidateLoss).toBeLessThan((baseLoss ?? NaN) / 2);
  expect(cycle.outputs.import?.adapter).toBe(true);

  const later = (await eventsOf(house, id)).slice(killed);
  expect(later.flatMap(({ data }) => (data.event === 'started' && data.combination ? [data.combination] : []))).toEqual(
    [3, 4],
  );
  expect(later.find(({ data }) => data.event === 'resumed')?.data).toMatchObject({ combination: killedIn });
  expect(curveOf(await eventsOf(house, id)).points).toHaveLength(steps);
  onlyOneIsLeft(runFolder(house.config.dataDir, id, run), adapterDigest ?? '');
  everyStepIsShownOnce(join(house.folder, 'runs', recipe({}).name, id));
});

/** Kills the GPU worker in the middle of a training; how many events there were by then. */
async function killIn(id: string): Promise<number> {
  const isIn = trainedTo(5);
  await untilEvent(house, id, (event) => event.data.combination === killedIn && isIn(event));
  process.kill(house.workspace.pids()['worker-gpu'] ?? 0, 'SIGKILL');
  return (await eventsOf(house, id)).length;
}

function onlyOneIsLeft(folder: string, digest: string): void {
  expect(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8'))).toMatchObject({
    adapter: join(folder, 'adapter'),
    adapter_digest: digest,
  });
  expect(existsSync(join(folder, 'adapter', 'adapter.safetensors'))).toBe(true);
  const left = readdirSync(join(folder, 'sweep')).toSorted();
  expect(left).toEqual(['1', '2', '3', '4']);
  for (const name of left) {
    const inside = readdirSync(join(folder, 'sweep', name));
    expect(inside).toEqual(expect.arrayContaining(['outcome.json', 'result.json', 'train.job.json', 'train.log']));
    expect(inside).not.toContain('adapter');
    expect(inside).not.toContain('checkpoints');
  }
}

/** TensorBoard watched all four, the one that was cut off as well. */
function everyStepIsShownOnce(folder: string): void {
  const runs = readdirSync(folder).toSorted();
  expect(runs).toEqual(['rank-2-rate-0.002', 'rank-2-rate-1e-9', 'rank-8-rate-0.002', 'rank-8-rate-1e-9']);
  for (const name of runs) {
    const shown = readRun(join(folder, name));
    expect(shown['train/loss']?.map(([at]) => at)).toEqual(Array.from({ length: steps }, (_, at) => at + 1));
    expect(shown['validation/loss']?.at(-1)?.[0]).toBe(steps);
  }
  expect(readdirSync(join(folder, 'rank-8-rate-1e-9'))).toHaveLength(2);
}

test('an estimate counts every training, and says where one takes too long; then the step is refused', async () => {
  const short = recipe({ max_minutes: 0.0001 });
  const one = await house.api.post<Record<string, number>>('/api/cycles/estimate', { ...short, train: trainOf(null) });
  const all = await house.api.post<Record<string, number>>('/api/cycles/estimate', short);
  expect(one).toMatchObject({ combinations: 1, refused: null, steps });
  expect(all).toMatchObject({
    combinations: 4,
    refused: expect.stringMatching(/^One training takes about \d+ min/),
    steps,
  });
  // The machine may be as fast again at one time as at another.
  const work = ({ seconds = NaN, tokens_per_second: speed = NaN }: Record<string, number>) => seconds * speed;
  expect(work(all) / work(one)).toBeCloseTo(4, 0);

  const id = await startCycle(house.api, short);
  const cycle = await untilCycle(house.api, id, ({ outputs, attention }) => Boolean(outputs.train ?? attention));
  await house.api.post(`/api/cycles/${id}/abort`);
  expect(cycle.attention).toMatchObject({
    step: 'train',
    code: 'InvalidInput',
    message: expect.stringMatching(/^One training takes about \d+ min, and a sweep takes none longer than 0\.0001/),
  });
});

test('a training that diverges has lost, and where all do the step is parked', async () => {
  // Adapters that count so much explode at any usual rate.
  const run = async (...learning_rates: number[]) => {
    const train = { ...trainOf({ learning_rates, ranks: null }), alpha: 1e20, max_steps: 6 };
    const id = await startCycle(house.api, { ...recipe({}), train });
    const cycle = await untilCycle(house.api, id, ({ outputs, attention }) => Boolean(outputs.train ?? attention));
    await house.api.post(`/api/cycles/${id}/abort`);
    return cycle;
  };
  const { outputs } = await run(1e-22, 1);
  expect(outputs.train?.sweep).toMatchObject({ kept: 0, tried: [{ loss: expect.any(Number) }, { loss: null }] });
  const { attention } = await run(0.5, 1);
  expect(attention).toMatchObject({
    step: 'train',
    code: 'Diverged',
    message: expect.stringMatching(/^Every training/),
  });
});

function recipe(sweep: Sweep): RecipeInput {
  return { ...testRecipe(house.world), build: { val: 0.2, test: 0.2 }, train: trainOf(sweep) };
}

function trainOf(sweep: Sweep | null): NonNullable<RecipeInput['train']> {
  const { train } = testRecipe(house.world, { train: { epochs: 100, max_steps: steps, checkpoint_steps: 4 } });
  return { ...train, sweep: sweep === null ? null : { learning_rates: rates, ranks, ...sweep } };
}
