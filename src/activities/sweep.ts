import { readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Swept, Tried } from '../core/cycle.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { TrainResult } from '../core/job.ts';
import { digestJson } from '../store/digest.ts';
import { writeFileDurably } from '../store/files.ts';
import type { Lesson } from '../training/lesson.ts';
import { type JobPlace, estimateJob, trainJob } from '../training/make-job.ts';
import { readTrainResult } from '../training/run-job.ts';
import {
  type Combination,
  assertComparable,
  combinationsOf,
  nameOf,
  pickBest,
  recipeFor,
  tooLong,
  whyKept,
} from '../training/sweep.ts';
import { type Extent, tune } from '../training/tune.ts';
import type { ActivityDeps } from './deps.ts';
import { runStepJob } from './jobs.ts';
import type { StepWork } from './step.ts';

/** What a combination came to, as its folder says. */
interface Outcome {
  /** Digest of the job that came to it. */
  job: string;
  loss: number | null;
}

interface SweepPlan {
  place: JobPlace;
  lesson: Lesson;
  extent: Extent;
}

/**
 * Trains by every combination of the recipe's sweep, each in a folder of its own below the step's, and keeps the adapter with
 * the lowest held-out loss where a single training leaves its own. What an earlier attempt finished is not made again, and the
 * training that was cut off goes on from its checkpoint. Of the others no weights are left.
 *
 * Throws InvalidInput where losses cannot be compared or one training takes too long, Diverged where all of them diverged.
 */
export async function trainSweep(
  deps: ActivityDeps,
  work: StepWork,
  plan: SweepPlan,
): Promise<{ result: TrainResult; swept: Swept }> {
  const { recipe } = work;
  const { place, lesson, extent } = plan;
  assertComparable(lesson);
  const tuned = tune(recipe.train, extent).learning_rate;
  const combinations = combinationsOf(recipe, extent);
  await assertShort(deps, work, plan, combinations);
  const tried: Tried[] = [];
  for (const [at, combination] of combinations.entries()) {
    const loss = await tryOne(deps, work, plan, { combination, at, of: combinations.length });
    tried.push({ ...combination, loss });
    if (tried.some((one) => one.loss !== null)) await dropLosers(place, tried, pickBest(tried, tuned));
  }
  const kept = pickBest(tried, tuned);
  const result = await keep(place, kept);
  const swept = { tried, kept, why: whyKept(tried, kept) };
  work.report({ event: 'swept', combination: kept + 1, message: swept.why });
  return { result, swept };
}

/** Estimates one training, the one that takes most, before the first. */
async function assertShort(
  deps: ActivityDeps,
  work: StepWork,
  { place, lesson, extent }: SweepPlan,
  combinations: readonly Combination[],
): Promise<void> {
  const last = combinations.at(-1);
  if (!last || (await isThere(folderOf(place, 0)))) return;
  const at = join(place.work, 'sweep', 'estimate');
  const job = estimateJob({ ...place, work: at }, recipeFor(work.recipe, last), lesson, extent);
  const { seconds } = await runStepJob(deps, work, 'train', job);
  await rm(at, { recursive: true, force: true });
  const fault = tooLong(seconds, work.recipe);
  if (fault !== null) throw new RatchetError('InvalidInput', fault);
}

/** The held-out loss of a combination; null where it diverged. */
async function tryOne(
  deps: ActivityDeps,
  work: StepWork,
  { place, lesson, extent }: SweepPlan,
  { combination, at, of }: { combination: Combination; at: number; of: number },
): Promise<number | null> {
  const own = folderOf(place, at);
  const numbered = { combination: at + 1, of };
  const told = { ...numbered, learning_rate: combination.learningRate, rank: combination.rank };
  const job = trainJob({ ...place, work: own }, recipeFor(work.recipe, combination), lesson, extent);
  const digest = digestJson(job);
  const found = await readOutcome(own);
  if (found?.job === digest) return found.loss;
  work.report({ event: 'sweep', ...told, message: `Training ${at + 1} of ${of}: ${nameOf(combination)}.` });
  const report: StepWork['report'] = (data, kind) => work.report({ ...data, ...numbered }, kind);
  const loss = await heldOutLoss(() => runStepJob(deps, { ...work, report }, 'train', job));
  await writeFileDurably(join(own, 'outcome.json'), `${JSON.stringify({ job: digest, loss })}\n`);
  const came = loss === null ? 'diverged' : `has a held-out loss of ${loss.toFixed(4)}`;
  work.report({
    event: 'sweep',
    ...told,
    loss,
    message: `Training ${at + 1} of ${of}, ${nameOf(combination)}, ${came}.`,
  });
  return loss;
}

async function heldOutLoss(train: () => Promise<TrainResult>): Promise<number | null> {
  try {
    const { val_loss: loss } = await train();
    if (loss !== null) return loss;
  } catch (error) {
    // A rate that is too high is what a sweep is there to find.
    if (asRatchetError(error).code === 'Diverged') return null;
    throw error;
  }
  throw new RatchetError(
    'InvalidInput',
    'None of the rows that were held out can decide a sweep, since train.max_seq_length cuts them: set train.sweep to null.',
  );
}

/** Puts the adapter of the one that is kept where that of a single training would be, and the result beside it. */
async function keep(place: JobPlace, at: number): Promise<TrainResult> {
  const own = folderOf(place, at);
  const adapter = join(place.work, 'adapter');
  if (await isThere(join(own, 'adapter'))) {
    await rm(adapter, { recursive: true, force: true });
    await rename(join(own, 'adapter'), adapter);
  }
  await rm(join(own, 'checkpoints'), { recursive: true, force: true });
  const result = { ...(await readTrainResult(own)), adapter };
  await writeFileDurably(join(place.work, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

/** Only the best so far can still be kept. */
async function dropLosers(place: JobPlace, tried: readonly Tried[], best: number): Promise<void> {
  for (const [at] of tried.entries()) {
    if (at === best) continue;
    for (const name of ['adapter', 'checkpoints']) {
      await rm(join(folderOf(place, at), name), { recursive: true, force: true });
    }
  }
}

function folderOf({ work }: JobPlace, at: number): string {
  return join(work, 'sweep', String(at + 1));
}

async function readOutcome(folder: string): Promise<Outcome | null> {
  const text = await readFile(join(folder, 'outcome.json'), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as Outcome);
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
