import { rm } from 'node:fs/promises';
import { isObject } from '../core/canonical.ts';
import type { StepInput } from '../core/cycle.ts';
import { buildDataset } from '../dataset/build.ts';
import { collect } from '../dataset/collect.ts';
import { refuseForgotten } from '../dataset/forget/redact-version.ts';
import type { ActivityDeps } from './deps.ts';
import { stepActivity } from './step.ts';
import { askReplay } from './replay.ts';
import type { StepActivities } from './types.ts';
import { finished } from './outputs.ts';

/** Collect and build: from rated chats to a dataset version. */
export function createDataSteps(deps: ActivityDeps): Pick<StepActivities, 'collect' | 'build'> {
  return {
    collect: stepActivity(deps, 'collect', ({ recipe }) => collect(deps, recipe)),
    build: stepActivity(deps, 'build', async (work) => {
      const { input, recipe, report } = work;
      const { collection } = finished(input, 'collect');
      const replay = await askReplay(deps, work, collection);
      const built = await buildDataset(deps, {
        recipe,
        recipeDigest: input.recipe,
        collection,
        replay,
        cycleId: input.cycleId,
        ...(await collectedAt(deps, input, collection)),
      });
      await refuseForgotten(deps, built.manifest.digest).catch(async (error: unknown) => {
        // It was filled while something was forgotten.
        await rm(deps.buildCacheDir, { recursive: true, force: true });
        if (replay !== null) await deps.store.blobs.erase(replay);
        throw error;
      });
      for (const message of built.warnings) report({ message }, 'warning');
      const { digest, name, splits } = built.manifest;
      return { dataset: digest, name, train: splits.train.rows, val: splits.val.rows, test: splits.test.rows };
    }),
  };
}

/** When the collection was begun. The steps of a cycle that was given its outputs may not say. */
async function collectedAt({ store }: ActivityDeps, { cycleId }: StepInput, collection: string) {
  const steps = await store.cycles.stepsOf(cycleId);
  const made = steps.findLast(
    ({ step, output }) => step === 'collect' && isObject(output) && output.collection === collection,
  );
  return made ? { collectedAt: made.startedAt } : {};
}
