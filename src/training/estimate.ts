import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainingEstimate } from '../core/job.ts';
import type { Recipe } from '../core/recipe.ts';
import type { Lesson } from './lesson.ts';
import { estimateJob } from './make-job.ts';
import type { RowTokensDeps } from './row-tokens.ts';
import { runJob } from './run-job.ts';
import { assertComparable, combinationsOf, recipeFor, tooLong } from './sweep.ts';
import { widthOf } from './tune.ts';

export type EstimateDeps = RowTokensDeps;

/**
 * What training by a recipe over the files of a version would take, by some of its steps; they wait for whoever trains. Of a
 * sweep the training that takes most is looked at, and its seconds count once for each. Errors are the job's own, and
 * InvalidInput where a sweep could not be decided.
 */
export async function estimateTraining(
  deps: EstimateDeps,
  request: { recipe: Recipe; lesson: Lesson; signal: AbortSignal },
): Promise<TrainingEstimate> {
  const { recipe, lesson, signal } = request;
  if (recipe.train.sweep) assertComparable(lesson);
  const base = await deps.baseFolder(recipe.base);
  await mkdir(deps.dataDir, { recursive: true });
  const work = await mkdtemp(join(deps.dataDir, 'estimate-'));
  try {
    const extent = { rows: lesson.rows, width: await widthOf(base) };
    const combinations = combinationsOf(recipe, extent);
    const [most = null] = combinations.slice(-1);
    const one = most ? recipeFor(recipe, most) : recipe;
    const job = estimateJob({ dataDir: deps.dataDir, base, work, key: 'estimate' }, one, lesson, extent);
    const { stall_seconds: stallSeconds } = recipe.train;
    const found = await runJob(job, { python: deps.python(), warm: deps.warmPython, signal, stallSeconds });
    const times = Math.max(1, combinations.length);
    const seconds = found.seconds === null ? null : found.seconds * times;
    return { ...found, seconds, combinations: times, refused: tooLong(found.seconds, recipe) };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
