import type { StepName } from '../core/cycle.ts';
import { RatchetError } from '../core/errors.ts';
import type { Job, JobEvent, JobOf } from '../core/job.ts';
import { type JobPlace, runFolder } from '../training/make-job.ts';
import { type Results, readTrainResult, runJob } from '../training/run-job.ts';
import type { ActivityDeps } from './deps.ts';
import { onDevice } from './gpu/on-device.ts';
import { finished } from './outputs.ts';
import type { StepWork } from './step.ts';

/** The adapter that the train step left, checked by its digest. */
export async function adapterOf(deps: ActivityDeps, { input }: StepWork): Promise<string> {
  const { run, adapterDigest } = finished(input, 'train');
  const result = await readTrainResult(runFolder(deps.dataDir, input.cycleId, run));
  if (result.adapter_digest === adapterDigest) return result.adapter;
  throw new RatchetError(
    'NotFound',
    'The trained adapter is not the one that this cycle trained: retry from the step train.',
  );
}

/** Where the jobs of a step work. */
export async function placeOf(deps: ActivityDeps, { input }: StepWork): Promise<JobPlace> {
  const work = runFolder(deps.dataDir, input.cycleId, input.key);
  return { dataDir: deps.dataDir, base: await deps.baseFolder(input.base), work, key: input.key };
}

/** Runs a job of Python on the device that the recipe asks for, which may be busy. */
export async function runStepJob<K extends Job['kind']>(
  deps: ActivityDeps,
  work: StepWork,
  step: StepName,
  job: JobOf<K>,
): Promise<Results[K]> {
  const { input, recipe, signal: ends, report } = work;
  const { key: owner, cycleId } = input;
  const use = { owner, cycleId, step, device: recipe.train.device, base: job.base, signal: ends, report };
  return onDevice(deps, use, ({ signal, onEvent }) =>
    runJob(job, {
      python: deps.python(),
      warm: deps.warmPython,
      signal,
      stallSeconds: recipe.train.stall_seconds,
      onEvent: (event: JobEvent) => {
        onEvent(event);
        report({ ...event }, event.event === 'warning' ? 'warning' : 'progress');
      },
    }),
  );
}
