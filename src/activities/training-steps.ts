import { join } from 'node:path';
import { RatchetError } from '../core/errors.ts';
import { refuseRedacted } from '../dataset/forget/redacted.ts';
import { datasetFolder } from '../dataset/write.ts';
import { registerVersion } from '../models/registry.ts';
import { type Lesson, lessonOf } from '../training/lesson.ts';
import { trainJob, validateJob } from '../training/make-job.ts';
import { widthOf } from '../training/tune.ts';
import { serveCandidate } from './candidate.ts';
import type { ActivityDeps } from './deps.ts';
import { adapterOf, placeOf, runStepJob } from './jobs.ts';
import { finished } from './outputs.ts';
import { type StepWork, stepActivity } from './step.ts';
import { shownTraining } from './shown-training.ts';
import { trainSweep } from './sweep.ts';
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
  const lesson = await lessonFor(deps, work);
  const { why, method } = lesson;
  work.report({ method: method.kind, message: why });
  const place = await placeOf(deps, work);
  const extent = { rows: lesson.rows, width: await widthOf(place.base) };
  const { result, swept } = await shownTraining(deps, work, async (shown) =>
    recipe.train.sweep
      ? trainSweep(deps, shown, { place, lesson, extent })
      : { result: await runStepJob(deps, shown, 'train', trainJob(place, recipe, lesson, extent)), swept: null },
  );
  const { adapter_digest: adapterDigest, steps, loss } = result;
  const output = { adapterDigest, run: input.key, steps, loss, method: method.kind, why };
  return swept === null ? output : { ...output, sweep: swept };
}

async function lessonFor(deps: ActivityDeps, { input, recipe }: StepWork): Promise<Lesson> {
  const { name, dataset } = finished(input, 'build');
  const record = await deps.store.datasets.get(dataset);
  if (!record) throw new RatchetError('NotFound', 'The dataset is gone: retry from the step build.');
  return lessonOf(recipe, record.manifest, datasetFolder(deps.datasetsDir, name, dataset));
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
  const result = await runStepJob(deps, work, 'validate', job);
  return { baseLoss: result.base_loss, candidateLoss: result.candidate_loss, targetTokens: result.target_tokens };
}

async function importCandidate(deps: ActivityDeps, work: StepWork) {
  const { input, recipe } = work;
  const candidate = await serveCandidate(deps, work, { step: 'import', format: 'serve' });
  const version = await registerVersion(deps.store.models, candidate, {
    recipe,
    recipeDigest: input.recipe,
    dataset: finished(input, 'build').dataset,
    adapterDigest: finished(input, 'train').adapterDigest,
    cycleId: input.cycleId,
    metrics: {},
  });
  return { modelVersion: version.id, served: candidate.served, adapter: candidate.adapter };
}
