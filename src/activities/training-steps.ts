import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RatchetError } from '../core/errors.ts';
import type { JobEvent } from '../core/job.ts';
import { refuseRedacted } from '../dataset/forget/redacted.ts';
import { datasetFolder } from '../dataset/write.ts';
import { candidateName, registerVersion } from '../models/registry.ts';
import { type JobPlace, exportJob, runFolder, trainJob, validateJob } from '../training/make-job.ts';
import { type RunJobOptions, readTrainResult, runJob } from '../training/run-job.ts';
import type { ActivityDeps } from './deps.ts';
import { finished } from './outputs.ts';
import { type StepWork, stepActivity } from './step.ts';
import type { StepActivities } from './types.ts';

/** Train, validate and import: from a dataset version to a served candidate. */
export function createTrainingSteps(deps: ActivityDeps): Pick<StepActivities, 'train' | 'validate' | 'import'> {
  return {
    train: stepActivity(deps, 'train', whole(deps, train)),
    validate: stepActivity(deps, 'validate', whole(deps, validate)),
    import: stepActivity(deps, 'import', whole(deps, importCandidate)),
  };
}

/** The work of a step, unless its dataset lost rows since it was built. */
function whole<T>(deps: ActivityDeps, work: (deps: ActivityDeps, step: StepWork) => Promise<T>) {
  return async (step: StepWork): Promise<T> => {
    await refuseRedacted(deps.store, finished(step.input, 'build').dataset);
    return work(deps, step);
  };
}

async function train(deps: ActivityDeps, work: StepWork) {
  const { input, recipe } = work;
  const built = finished(input, 'build');
  const folder = datasetFolder(deps.datasetsDir, built.name, built.dataset);
  const data = { train: join(folder, 'train.jsonl'), val: built.val > 0 ? join(folder, 'val.jsonl') : null };
  const result = await runJob(trainJob(await placeOf(deps, work), recipe, data), jobOptions(deps, work));
  return { adapterDigest: result.adapter_digest, run: input.key, steps: result.steps, loss: result.loss };
}

/** The held-out loss is measured on rows that took no part in choosing a checkpoint, where there are any. */
async function validate(deps: ActivityDeps, work: StepWork) {
  const { input, recipe } = work;
  const built = finished(input, 'build');
  const split = built.test > 0 ? 'test' : built.val > 0 ? 'val' : null;
  if (split === null) {
    work.report({ message: 'No rows were held out, so that there is no held-out loss: rate more chats.' }, 'warning');
    return { baseLoss: null, candidateLoss: null, targetTokens: 0 };
  }
  const data = join(datasetFolder(deps.datasetsDir, built.name, built.dataset), `${split}.jsonl`);
  const job = validateJob(await placeOf(deps, work), recipe, data, await adapterOf(deps, work));
  const result = await runJob(job, jobOptions(deps, work));
  return { baseLoss: result.base_loss, candidateLoss: result.candidate_loss, targetTokens: result.target_tokens };
}

async function importCandidate(deps: ActivityDeps, work: StepWork) {
  const { input, recipe, signal, report } = work;
  const { adapterDigest } = finished(input, 'train');
  const job = exportJob(await placeOf(deps, work), recipe, await adapterOf(deps, work));
  const merged = await runJob(job, jobOptions(deps, work));
  const name = candidateName(deps.modelPrefix, recipe.name, adapterDigest);
  const imported = await deps.importModel({
    folder: merged.path,
    name,
    signal,
    onStatus: (status) => report({ status }),
  });
  const version = await registerVersion(deps.store.models, imported, {
    recipe,
    recipeDigest: input.recipe,
    dataset: finished(input, 'build').dataset,
    adapterDigest,
    cycleId: input.cycleId,
    metrics: {},
  });
  // As large as the base, and written again by any attempt that needs it.
  await rm(merged.path, { recursive: true, force: true });
  return { modelVersion: version.id, served: imported.served };
}

/** The adapter that the train step left, checked by its digest. */
async function adapterOf(deps: ActivityDeps, { input }: StepWork): Promise<string> {
  const { run, adapterDigest } = finished(input, 'train');
  const result = await readTrainResult(runFolder(deps.dataDir, input.cycleId, run));
  if (result.adapter_digest === adapterDigest) return result.adapter;
  throw new RatchetError(
    'NotFound',
    'The trained adapter is not the one that this cycle trained: retry from the step train.',
  );
}

async function placeOf(deps: ActivityDeps, { input }: StepWork): Promise<JobPlace> {
  const work = runFolder(deps.dataDir, input.cycleId, input.key);
  return { dataDir: deps.dataDir, base: await deps.baseFolder(input.base), work, key: input.key };
}

function jobOptions(deps: ActivityDeps, { signal, recipe, report }: StepWork): RunJobOptions {
  return {
    python: deps.python(),
    warm: deps.warmPython,
    signal,
    stallSeconds: recipe.train.stall_seconds,
    onEvent: (event: JobEvent) => report({ ...event }, event.event === 'warning' ? 'warning' : 'progress'),
  };
}
