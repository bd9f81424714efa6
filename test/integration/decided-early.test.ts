import { rmSync } from 'node:fs';
import type { NativeConnection, Worker } from '@temporalio/worker';
import { type Client, type WorkflowHandle, WorkflowUpdateStage } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asFailure } from '../../src/activities/boundary.ts';
import {
  type CycleInput,
  type CycleState,
  type Outputs,
  type StepOutputs,
  surface,
  taskQueues,
} from '../../src/core/cycle.ts';
import { RatchetError } from '../../src/core/errors.ts';
import { createClient } from '../../src/temporal/connection.ts';
import { connectWorker, createMainWorker, installRuntime } from '../../src/temporal/worker.ts';
import { type RunningPart, startTemporal } from '../../src/workspace/outside-parts.ts';
import { testConfig, testTools } from '../fixtures/workspace.ts';

/** What was written of the cycle that runs. Its workflow hears of it late: others can read it by then. */
let written: CycleState[] = [];
let heard = Promise.withResolvers<void>();
let promoteFails: boolean;

let folder: string;
let server: RunningPart;
let client: Client;
let connection: NativeConnection;
let worker: Worker;
let running: Promise<void>;

beforeAll(async () => {
  installRuntime();
  const test = await testConfig();
  ({ folder } = test);
  server = await startTemporal(test.config, (await testTools(test.config)).temporal);
  client = createClient(test.config.temporal);
  connection = await connectWorker(test.config.temporal);
  const done = () => Promise.reject(new Error('This step is done already.'));
  worker = await createMainWorker({
    connection,
    namespace: test.config.temporal.namespace,
    activities: {
      collect: done,
      build: done,
      train: done,
      validate: done,
      import: done,
      evaluate: done,
      gate: done,
      promote: async () => {
        if (promoteFails) throw asFailure(new RatchetError('NotEnoughData', 'There are too few examples.'));
        return { promoted: true, promotion: 'p-1', reason: 'It was better.' };
      },
      takeTurn: async () => undefined,
      noteState: async ({ state }) => {
        written.push(state);
        if (state === 'needs_attention' || state === 'awaiting_approval') await heard.promise;
        return { runId: 'run' };
      },
      patchRecipe: async ({ recipe }) => ({ recipe }),
      admitAbort: async () => true,
    },
  });
  running = worker.run();
});

afterAll(async () => {
  heard.resolve();
  worker.shutdown();
  await running;
  await connection.close();
  await client.connection.close();
  await server.child?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function startPromotion(id: string, approval: StepOutputs['gate']['approval']) {
  written = [];
  heard = Promise.withResolvers();
  const outputs: Outputs = {
    collect: { collection: 'c-1', examples: 4 },
    build: { dataset: 'd-1', name: 'house@1', train: 2, val: 1, test: 1 },
    train: { adapterDigest: 'a-1', run: 'r-1', steps: 1, loss: 1 },
    validate: { baseLoss: 2, candidateLoss: 1, targetTokens: 10 },
    import: { modelVersion: 'm-1', served: 'house-1' },
    evaluate: { evaluation: 'e-1', n: 4 },
    gate: { decision: 'pass', evidence: 'e-2', reason: 'It is better.', approval },
  };
  const input: CycleInput = { cycleId: id, base: 'tiny', recipe: 'recipe', outputs };
  return client.workflow.start('trainingCycle', { workflowId: id, taskQueue: taskQueues.main, args: [input] });
}

test('a retry by whoever reads the record before the workflow hears of it is answered once the cycle goes on', async () => {
  promoteFails = true;
  const cycle = await startPromotion('retried', 'auto');
  await expect.poll(() => written).toContain('needs_attention');
  const retry = { waitForStage: WorkflowUpdateStage.ACCEPTED, args: [{}] as [object] };
  const first = await cycle.startUpdate<{ step: string }, [object]>(surface.retryStep, retry);
  const second = await cycle.startUpdate<{ step: string }, [object]>(surface.retryStep, retry);
  expect(await answered(cycle)).toBe(0);

  promoteFails = false;
  heard.resolve();
  expect(await first.result()).toEqual({ step: 'promote' });
  expect(written.slice(0, 3)).toEqual(['running', 'needs_attention', 'queued']);
  await expect(second.result()).rejects.toMatchObject({ cause: { type: 'Conflict' } });
  expect(await cycle.result()).toMatchObject({ state: 'completed', promoted: true });
});

test('so is an approval', async () => {
  promoteFails = false;
  const cycle = await startPromotion('approved', 'person');
  await expect.poll(() => written).toContain('awaiting_approval');
  const approval = await cycle.startUpdate<{ state: string }, [object]>(surface.approve, {
    waitForStage: WorkflowUpdateStage.ACCEPTED,
    args: [{ by: 'Ada' }],
  });
  expect(await answered(cycle)).toBe(0);

  heard.resolve();
  expect(['queued', 'running', 'completed']).toContain((await approval.result()).state);
  expect(written.slice(0, 3)).toEqual(['running', 'awaiting_approval', 'queued']);
  expect(await cycle.result()).toMatchObject({ state: 'completed', promoted: true });
});

/** How many updates the history has an answer to; one that needs to wait for nothing has it as soon as it is accepted. */
async function answered(cycle: WorkflowHandle): Promise<number> {
  const { events } = await cycle.fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionUpdateCompletedEventAttributes).length;
}
