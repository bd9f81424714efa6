import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { BookkeepingActivities, StepActivities } from '../activities/types.ts';
import { type StepName, taskQueues } from '../core/cycle.ts';

const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' } as const;
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** Short and pure bookkeeping: tried until it works, since nothing else can go on without it. */
export const bookkeeping = proxyActivities<Pick<BookkeepingActivities, 'noteState' | 'patchRecipe' | 'admitAbort'>>({
  taskQueue: taskQueues.main,
  startToCloseTimeout: '1m',
  retry,
});

/** Waiting in line may take as long as the cycles before it. */
export const line = proxyActivities<Pick<BookkeepingActivities, 'takeTurn'>>({
  taskQueue: taskQueues.main,
  startToCloseTimeout: '30 days',
  heartbeatTimeout: '15s',
  retry,
  cancellationType,
});

const main = proxyActivities<StepActivities>({
  taskQueue: taskQueues.main,
  startToCloseTimeout: '1 day',
  heartbeatTimeout: '15s',
  retry: { ...retry, maximumAttempts: 5 },
  cancellationType,
});

/** A worker that dies costs an attempt, so there are more of them; the trainer resumes from its checkpoint. */
const gpu = proxyActivities<StepActivities>({
  taskQueue: taskQueues.gpu,
  startToCloseTimeout: '30 days',
  heartbeatTimeout: '15s',
  retry: { ...retry, maximumAttempts: 12 },
  cancellationType,
});

/** The steps that run Python: one worker keeps it warm for all of them. */
const onGpu: ReadonlySet<StepName> = new Set(['train', 'validate', 'import']);

/** The proxy that runs a step on its task queue. */
export function activitiesFor(step: StepName): StepActivities {
  return onGpu.has(step) ? gpu : main;
}
