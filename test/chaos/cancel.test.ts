import { afterAll, beforeAll, expect, test } from 'vitest';
import { workflowId } from '../../src/temporal/cycles.ts';
import { eventsOf, trainedTo, trainerPids, untilEvent, untilGone } from '../fixtures/cycle-events.ts';
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

/** How long a trainer may live after its cycle was ended. */
const endsWithinMs = 10_000;

let house: TestWorkspace;

beforeAll(async () => {
  house = await startTestWorkspace();
  await addRatedChats(house, 64);
});
afterAll(() => house?.stop());

test('abort ends the trainer within 10 s and gives the turn to the next in line', async () => {
  const long = recipe(100_000);
  const id = await startTraining(long);
  const queued = await startCycle(house.api, long);
  const waiting = await startCycle(house.api, long);
  expect(await house.api.post(`/api/cycles/${queued}/abort`)).toEqual({ state: 'aborted' });
  expect(await house.api.get(`/api/cycles/${waiting}`)).toMatchObject({ state: 'queued', position: 1 });

  const left = untilGone(trainerPids(await eventsOf(house, id)), endsWithinMs);
  const answer = house.api.post(`/api/cycles/${id}/abort`, { by: 'a person', reason: 'It takes too long.' });
  expect(await left).toEqual([]);
  expect(await answer).toEqual({ state: 'aborted' });
  expect(await cycleOf(id)).toMatchObject({ state: 'aborted', result: { reason: 'It takes too long.' } });
  await expectAborted(id);
  await expect(house.api.post(`/api/cycles/${id}/abort`)).rejects.toMatchObject({ code: 'Conflict' });

  await untilEvent(house, waiting, trainedTo(1));
  await house.api.post(`/api/cycles/${waiting}/abort`);
});

test("a cancel from Temporal ends the trainer within 10 s and frees the base's turn", async () => {
  const id = await startTraining(recipe(100_000));
  const left = untilGone(trainerPids(await eventsOf(house, id)), endsWithinMs);
  await house.temporal.workflow.getHandle(workflowId(id)).cancel();
  expect(await left).toEqual([]);
  await untilCycle(house.api, id, inState('aborted'));
  await expectAborted(id);
  const next = await fetch(`${house.workspace.api}/api/cycles?queue=false`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(recipe(100_000)),
  });
  expect(next.status).toBe(202);
  await house.api.post(`/api/cycles/${((await next.json()) as CycleView).id}/abort`);
});

test('an aborted cycle that is retried goes on from its checkpoint, without collecting again', async () => {
  // A trainer hears of an abort at its next sign of life, a second later at most: by then steps must be left.
  const id = await startTraining(recipe(160));
  await house.api.post(`/api/cycles/${id}/abort`);
  const { id: aborted } = await untilEvent(house, id, ({ data }) => data.state === 'aborted');
  await house.api.post(`/api/cycles/${id}/retry`);
  const resumed = await untilEvent(house, id, ({ data }) => data.event === 'resumed', aborted);
  expect(Number(resumed.event.data.step)).toBeGreaterThan(0);
  const done = await untilCycle(house.api, id, inState('completed', 'needs_attention'));
  expect(done).toMatchObject({ state: 'completed', outputs: { train: { steps: 160 } } });
  expect(done.steps.map(({ step }) => step).filter((step) => step === 'collect' || step === 'build')).toHaveLength(2);
});

test('a killed trainer resumes, and a killed main worker is no loss, in training nor in the evaluation', async () => {
  const id = await startTraining(recipe(80));
  const [trainer] = trainerPids(await eventsOf(house, id));
  process.kill(trainer ?? 0, 'SIGKILL');
  const resumed = await untilEvent(house, id, ({ data }) => data.event === 'resumed');
  killMainWorker();
  await untilEvent(house, id, ({ step, data }) => step === 'evaluate' && Number(data.done) > 0, resumed.id);
  killMainWorker();
  const done = await untilCycle(house.api, id, inState('completed', 'needs_attention'));
  expect(done).toMatchObject({ state: 'completed', outputs: { train: { steps: 80 } } });
  expect(done.steps.map(({ step, state, attempt }) => `${step} ${state} ${attempt}`)).toEqual(
    expect.arrayContaining(['collect done 1', 'train done 2', 'evaluate done 2', 'gate done 1']),
  );
});

function recipe(steps: number) {
  return testRecipe(house.world, { train: { epochs: 100, max_steps: steps, checkpoint_steps: 5 } });
}

/** Starts a cycle and waits until it is in the midst of training, past a checkpoint. */
async function startTraining(given: ReturnType<typeof recipe>): Promise<string> {
  const id = await startCycle(house.api, given);
  await untilEvent(house, id, trainedTo(7));
  return id;
}

function cycleOf(id: string): Promise<CycleView> {
  return house.api.get<CycleView>(`/api/cycles/${id}`);
}

async function expectAborted(id: string): Promise<void> {
  const { steps } = await cycleOf(id);
  expect(steps.map(({ step, state }) => `${step} ${state}`)).toEqual(['collect done', 'build done', 'train cancelled']);
}

function killMainWorker(): void {
  const pid = house.workspace.pids().worker;
  if (!pid) throw new Error('The main worker does not run.');
  process.kill(pid, 'SIGKILL');
}
