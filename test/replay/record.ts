/**
 * Records histories for the replay test: `node test/replay/record.ts NAME` plays every scenario on real parts and writes
 * `histories/SCENARIO-NAME.json`. What is there already is never overwritten: a history stays as it was when it landed.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { RecipeInput } from '../../src/core/recipe.ts';
import { workflowId } from '../../src/temporal/cycles.ts';
import { eventsOf, trainedTo, untilEvent } from '../fixtures/cycle-events.ts';
import {
  type TestWorkspace,
  addRatedChats,
  inState,
  startCycle,
  startTestWorkspace,
  testRecipe,
  untilCycle,
} from '../fixtures/workspace.ts';

const folder = join(import.meta.dirname, 'histories');
const scenarios = [
  'queued',
  'aborted',
  'promoted',
  'reset',
  'reset-after-abort',
  'awaiting-approval',
  'patched',
] as const;
type Scenario = (typeof scenarios)[number];

const [name = ''] = process.argv.slice(2);
if (!/^[a-z0-9][a-z0-9.-]*$/.test(name)) throw new Error('Give a new name: node test/replay/record.ts NAME');
const there = scenarios.map(pathOf).filter(existsSync);
if (there.length > 0) throw new Error(`Take another name, these are there: ${there.join(', ')}`);

const house = await startTestWorkspace();
try {
  await addRatedChats(house, 120);
  await play(house);
} finally {
  await house.stop();
}

async function play({ api }: TestWorkspace): Promise<void> {
  const first = await startCycle(api, recipe({ train: { max_steps: 80, epochs: 100 } }));
  const second = await startCycle(api, recipe({}));
  await untilEvent(house, first, trainedTo(1));
  await record('queued', second);
  await api.post(`/api/cycles/${first}/abort`, { reason: 'It was a rehearsal.' });
  await record('aborted', first);
  await untilCycle(api, second, inState('completed'));
  await record('promoted', second);
  await reset(second);
  await record('reset', second);
  await reset(first);
  await record('reset-after-abort', first);

  // A house style that is learned already cannot be learned better.
  await api.post('/api/promotions', { model: 'ollama/test-tiny-support-base' });
  const patched = await startCycle(api, recipe({ promote: 'manual', train: { learning_rate: 1, alpha: 1e38 } }));
  await untilCycle(api, patched, inState('needs_attention'));
  await api.post(`/api/cycles/${patched}/retry`);
  await untilCycle(api, patched, inState('needs_attention'));
  const patch = { train: { learning_rate: 0.002, alpha: 16, seed: 2 } };
  await api.post(`/api/cycles/${patched}/retry`, { patch, from: 'train' });
  await untilCycle(api, patched, inState('awaiting_approval'));
  await record('awaiting-approval', patched);
  await api.post(`/api/cycles/${patched}/approve`, { by: 'somebody' });
  await untilCycle(api, patched, inState('completed'));
  await record('patched', patched);
}

function recipe(change: Partial<RecipeInput>): RecipeInput {
  return testRecipe(house.world, { gate: { metric: 'compliance', max_drop: 0.3 }, ...change });
}

/** Resets a closed cycle to its training, and waits until it has run to its end again. */
async function reset(cycle: string): Promise<void> {
  const { client, workflowService, namespace } = serviceOf();
  const handle = client.workflow.getHandle(workflowId(cycle));
  const { events } = await handle.fetchHistory();
  const begun = (events ?? []).map((event) => event.activityTaskScheduledEventAttributes);
  const train = begun.findLast((event) => event?.activityType?.name === 'train');
  const calls = (await eventsOf(house, cycle)).length;
  const { runId } = await handle.describe();
  await workflowService.resetWorkflowExecution({
    namespace,
    workflowExecution: { workflowId: workflowId(cycle), runId },
    workflowTaskFinishEventId: train?.workflowTaskCompletedEventId ?? null,
    requestId: crypto.randomUUID(),
    reason: 'It is recorded.',
  });
  const closed = inState('completed');
  await untilCycle(house.api, cycle, (view) => !closed(view));
  await untilCycle(house.api, cycle, closed);
  if ((await eventsOf(house, cycle)).length === calls) throw new Error('The reset did nothing.');
}

function serviceOf() {
  const client = house.temporal;
  return { client, workflowService: client.workflowService, namespace: house.config.temporal.namespace };
}

async function record(scenario: Scenario, cycle: string): Promise<void> {
  const handle = house.temporal.workflow.getHandle(workflowId(cycle));
  // The record is closed a moment before the workflow is.
  if (scenario !== 'queued' && scenario !== 'awaiting-approval') await handle.result();
  const { events } = JSON.parse(historyToJSON(await handle.fetchHistory())) as { events: unknown[] };
  const lines = events.map((event) => JSON.stringify(event, scrubbed));
  mkdirSync(folder, { recursive: true });
  writeFileSync(pathOf(scenario), `{"events":[\n${lines.join(',\n')}\n]}\n`, { flag: 'wx' });
  console.log(pathOf(scenario));
}

/** Who and where it was recorded is nobody's business, and a replay does not look at it. */
function scrubbed(key: string, value: unknown): unknown {
  if (key === 'stackTrace' || key === 'workerVersion' || key === 'taskId' || key === 'requestId') return undefined;
  if (typeof value !== 'string') return value;
  if (key === 'identity') return 'worker';
  return value.replace(/\b\d+@[\w.-]+/g, 'worker');
}

function pathOf(scenario: Scenario): string {
  return join(folder, `${scenario}-${name}.json`);
}
