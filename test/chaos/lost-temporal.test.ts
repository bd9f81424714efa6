import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workflowId } from '../../src/temporal/cycles.ts';
import { trainedTo, untilEvent } from '../fixtures/cycle-events.ts';
import {
  type TestWorkspace,
  addRatedChats,
  inState,
  startCycle,
  startTestWorkspace,
  testRecipe,
  untilCycle,
} from '../fixtures/workspace.ts';

let house: TestWorkspace;

beforeAll(async () => {
  house = await startTestWorkspace();
  await addRatedChats(house, 64);
});
afterAll(() => house?.stop());

test('a Temporal server that was killed is started again, and its cycles go on by themselves', async () => {
  const id = await startCycle(house.api, recipe(60));
  await untilEvent(house, id, trainedTo(7));
  killTemporal();
  const done = await untilCycle(house.api, id, inState('completed', 'needs_attention', 'interrupted'));
  expect(done.state).toBe('completed');
  expect(done.steps.map(({ step }) => step).filter((step) => step === 'collect' || step === 'build')).toHaveLength(2);
});

test('a cycle whose Temporal database is lost is interrupted, and one retry takes it on from where it was', async () => {
  const id = await startCycle(house.api, recipe(200));
  await untilEvent(house, id, trainedTo(7));
  const waiting = await startCycle(house.api, recipe(5));
  // The server keeps the files that are gone open until it is killed.
  rmSync(join(house.config.dataDir, 'temporal'), { recursive: true });
  killTemporal();
  await untilCycle(house.api, id, inState('interrupted'));
  await untilCycle(house.api, waiting, inState('interrupted'));
  await expect(house.temporal.workflow.getHandle(workflowId(id)).describe()).rejects.toThrow();

  const retried = await house.api.post(`/api/cycles/${id}/retry`);
  expect(retried).toEqual({ step: 'train' });
  const done = await untilCycle(house.api, id, inState('completed', 'needs_attention', 'interrupted'), 240_000);
  expect(done).toMatchObject({ state: 'completed', outputs: { train: { steps: 200 } } });
  expect(done.steps.map(({ step, state }) => `${step} ${state}`)).toEqual(
    ['collect', 'build', 'train', 'validate', 'import', 'evaluate', 'gate', 'promote']
      .slice(0, done.steps.length)
      .map((step) => `${step} done`),
  );
  await untilEvent(house, id, ({ data }) => data.event === 'resumed');

  expect(await house.api.post(`/api/cycles/${waiting}/abort`)).toEqual({ state: 'aborted' });
});

function recipe(steps: number) {
  return testRecipe(house.world, { train: { epochs: 100, max_steps: steps, checkpoint_steps: 5 } });
}

function killTemporal(): void {
  const pid = house.workspace.pids().temporal;
  if (!pid) throw new Error('Temporal does not run.');
  process.kill(pid, 'SIGKILL');
}
