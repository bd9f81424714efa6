import { cpSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RecipeInput } from '../../src/core/recipe.ts';
import { builtInBases } from '../../src/models/bases.ts';
import { packageRoot } from '../../src/config.ts';
import { workflowId } from '../../src/temporal/cycles.ts';
import { type TestBrowser, openBrowser } from '../fixtures/browser.ts';
import { trainedTo, untilEvent } from '../fixtures/cycle-events.ts';
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
import { type TemporalUiPage, temporalUiPage } from './temporal-ui-page.ts';

interface Ledger {
  selected: string;
  items: { kind: string; state: string; model: string; actor: string; cycle_id: string | null }[];
}

const ownBase = 'own-base';

let house: TestWorkspace;
let browser: TestBrowser;
let finished: CycleView;

beforeAll(async () => {
  house = await startTestWorkspace();
  await addRatedChats(house, 120);
  cpSync(builtInBases(packageRoot)['tiny-support'] ?? '', baseFolder(), { recursive: true });
  browser = await openBrowser(house.config);
});
afterAll(async () => {
  await browser?.close();
  await house?.stop();
});

test('a step that failed is mended with a patch, then retried as it was, then approved, from the Temporal UI', async () => {
  const id = await startCycle(house.api, recipe({ base: ownBase, train: { learning_rate: 1, alpha: 1e38 } }));
  const ui = uiOf(id, 'parked');
  const diverged = await untilCycle(house.api, id, inState('needs_attention', 'completed'));
  expect(diverged.attention).toMatchObject({ step: 'train', code: 'Diverged' });
  await untilSearchable(id, { RatchetState: ['needs_attention'], RatchetStep: ['train'], RatchetBase: [ownBase] });
  const attributes = await ui.searchAttributes();
  expect(attributes).toContain('"RatchetState": "needs_attention"');
  expect(attributes).toContain('"RatchetStep": "train"');
  const details = await ui.currentDetails('Why:');
  expect(details).toContain('needs_attention at train');
  expect(details).toContain('Done: collect → build');
  expect(details).toContain(diverged.attention?.message);
  expect(details).toContain('What to do: Retry with a lower learning_rate.');
  expect(details).toMatch(/Send the update retryStep.*or send abort/is);

  renameSync(baseFolder(), `${baseFolder()}-away`);
  await ui.sendUpdate('retryStep', { patch: { train: { learning_rate: 0.002, alpha: 16 } } });
  const missing = await untilCycle(house.api, id, (cycle) => cycle.attention?.code === 'BaseMissing');
  expect(missing).toMatchObject({ state: 'needs_attention', attention: { step: 'train' } });
  expect(missing).toMatchObject({ recipe_resolved: { train: { learning_rate: 0.002, alpha: 16 } } });

  renameSync(`${baseFolder()}-away`, baseFolder());
  await ui.sendUpdate('retryStep');
  const waiting = await untilCycle(house.api, id, inState('awaiting_approval', 'needs_attention', 'completed'));
  expect(waiting).toMatchObject({ state: 'awaiting_approval', outputs: { gate: { approval: 'person' } } });
  expect(await ui.currentDetails('approve')).toContain('awaiting_approval at promote');

  await ui.sendUpdate('approve', { by: 'somebody' });
  finished = await untilCycle(house.api, id, inState('completed', 'needs_attention'));
  expect(finished).toMatchObject({ state: 'completed', result: { promoted: true, decision: 'pass' } });
  expect(callsOf(finished, 'collect', 'build')).toEqual(['collect done', 'build done']);
  expect(callsOf(finished, 'train')).toEqual(['train failed', 'train done']);
  const { items, selected } = await ledger();
  expect(selected).toBe(finished.outputs.import?.served);
  expect(items[0]).toMatchObject({ kind: 'promote', state: 'applied', actor: 'somebody', cycle_id: id });
});

test('a finished cycle that is reset to its training trains again, and reports the same model', async () => {
  const { id } = finished;
  const before = await ledger();
  await uiOf(id, 'finished').resetTo(await taskBefore(id, 'train'));
  const calls = finished.steps.length;
  const again = await untilCycle(house.api, id, ({ steps }) => steps.length > calls);
  expect(again).toMatchObject({ state: 'running', step: 'train', result: null, finished_at: null });
  const done = await untilCycle(house.api, id, inState('completed', 'needs_attention', 'awaiting_approval'));
  const [first, second] = [finished.outputs.train, done.outputs.train];
  expect(done.steps.slice(calls).map(({ step, state }) => `${step} ${state}`)).toEqual(
    ['train', 'validate', 'import', 'evaluate', 'gate', 'promote'].map((step) => `${step} done`),
  );
  expect(second?.run).not.toBe(first?.run);
  expect(second?.adapterDigest).toBe(first?.adapterDigest);
  expect(done.outputs.import).toEqual(finished.outputs.import);
  expect(done).toMatchObject({ state: 'completed', result: { promoted: true } });
  expect(done.result?.reason).toContain('it is the same model');
  expect(await ledger()).toEqual(before);
});

test('an aborted cycle that is reset goes on, takes a new abort, and completes after another reset', async () => {
  const before = await ledger();
  const id = await startCycle(house.api, recipe({ train: { max_steps: 300, epochs: 100 } }));
  const ui = uiOf(id, 'aborted');
  await abortInTraining(id, 'I changed my mind.');
  const [firstTask = 0] = await tasksOf(id);
  await ui.resetTo(firstTask);
  const { id: reset } = await untilEvent(house, id, ({ step }) => step === 'collect', await abortedAt(id));
  await abortInTraining(id, 'I changed it again.', reset);
  const aborted = await cycleOf(id);
  expect(callsOf(aborted, 'collect', 'train')).toEqual([
    'collect done',
    'train cancelled',
    'collect done',
    'train cancelled',
  ]);

  await ui.resetTo(await taskBefore(id, 'train'));
  const again = await untilCycle(house.api, id, ({ steps }) => steps.length > aborted.steps.length);
  expect(again).toMatchObject({ state: 'running', step: 'train', result: null, finished_at: null });
  const done = await untilCycle(house.api, id, inState('completed', 'needs_attention', 'awaiting_approval', 'aborted'));
  expect(callsOf(done, 'collect')).toHaveLength(2);
  expect(callsOf(done, 'train').at(-1)).toBe('train done');
  expect(['completed', 'awaiting_approval']).toContain(done.state);
  const after = await ledger();
  expect(after.items.length - before.items.length).toBe(done.result?.promoted ? 1 : 0);
  expect(after.items.every(({ state }) => state === 'applied')).toBe(true);
});

function recipe(change: Partial<RecipeInput>): RecipeInput {
  return testRecipe(house.world, { gate: { metric: 'compliance', max_drop: 0.3 }, ...change });
}

function baseFolder(): string {
  return join(house.config.basesDir, ownBase);
}

function uiOf(cycle: string, moment: string): TemporalUiPage {
  const { namespace } = house.config.temporal;
  const url = `${house.workspace.temporalUi}/namespaces/${namespace}/workflows/${workflowId(cycle)}`;
  return temporalUiPage(browser, url, moment);
}

function cycleOf(id: string): Promise<CycleView> {
  return house.api.get<CycleView>(`/api/cycles/${id}`);
}

function ledger(): Promise<Ledger> {
  return house.api.get<Ledger>('/api/promotions');
}

function callsOf({ steps }: CycleView, ...names: string[]): string[] {
  return steps.filter(({ step }) => names.includes(step)).map(({ step, state }) => `${step} ${state}`);
}

/** Aborts over the API once a step of the training was taken. */
async function abortInTraining(id: string, reason: string, from = 0): Promise<void> {
  await untilEvent(house, id, trainedTo(1), from);
  await house.api.post(`/api/cycles/${id}/abort`, { reason });
  expect(await untilCycle(house.api, id, inState('aborted', 'completed'))).toMatchObject({
    state: 'aborted',
    result: { reason, promoted: false },
  });
}

async function abortedAt(id: string): Promise<number> {
  return (await untilEvent(house, id, ({ data }) => data.state === 'aborted')).id;
}

/** Ids of the WorkflowTaskCompleted events of a cycle's latest run. */
async function tasksOf(cycle: string): Promise<number[]> {
  const { events } = await house.temporal.workflow.getHandle(workflowId(cycle)).fetchHistory();
  const tasks = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes);
  return tasks.map(({ eventId }) => Number(eventId));
}

/** Id of the WorkflowTaskCompleted event in which a cycle's latest run began a step last. */
async function taskBefore(cycle: string, step: string): Promise<number> {
  const { events } = await house.temporal.workflow.getHandle(workflowId(cycle)).fetchHistory();
  const begun = (events ?? []).map((event) => event.activityTaskScheduledEventAttributes);
  return Number(begun.findLast((event) => event?.activityType?.name === step)?.workflowTaskCompletedEventId);
}

/** Search attributes come with a delay of Temporal's own. */
async function untilSearchable(cycle: string, wanted: Record<string, string[]>): Promise<void> {
  const handle = house.temporal.workflow.getHandle(workflowId(cycle));
  await expect.poll(async () => (await handle.describe()).searchAttributes, { timeout: 120_000 }).toMatchObject(wanted);
}
