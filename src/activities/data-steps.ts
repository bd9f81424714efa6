import { rm } from 'node:fs/promises';
import { buildDataset } from '../dataset/build.ts';
import { collect } from '../dataset/collect.ts';
import { refuseForgotten } from '../dataset/forget/redact-version.ts';
import type { ActivityDeps } from './deps.ts';
import { stepActivity } from './step.ts';
import type { StepActivities } from './types.ts';
import { finished } from './outputs.ts';

/** Collect and build: from rated chats to a dataset version. */
export function createDataSteps(deps: ActivityDeps): Pick<StepActivities, 'collect' | 'build'> {
  return {
    collect: stepActivity(deps, 'collect', ({ recipe }) => collect(deps, recipe)),
    build: stepActivity(deps, 'build', async ({ input, recipe, report }) => {
      const { collection } = finished(input, 'collect');
      const built = await buildDataset(deps, {
        recipe,
        recipeDigest: input.recipe,
        collection,
        cycleId: input.cycleId,
      });
      await refuseForgotten(deps, built.manifest.digest).catch(async (error: unknown) => {
        // It was filled while something was forgotten.
        await rm(deps.buildCacheDir, { recursive: true, force: true });
        throw error;
      });
      for (const message of built.warnings) report({ message }, 'warning');
      const { digest, name, splits } = built.manifest;
      return { dataset: digest, name, train: splits.train.rows, val: splits.val.rows, test: splits.test.rows };
    }),
  };
}
