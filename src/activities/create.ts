import { createBookkeeping } from './bookkeeping.ts';
import { createDataSteps } from './data-steps.ts';
import type { ActivityDeps } from './deps.ts';
import { createJudgingSteps } from './judging-steps.ts';
import { createTrainingSteps } from './training-steps.ts';
import type { BookkeepingActivities, StepActivities } from './types.ts';

/** Every activity of a cycle, over the rooms that it is given. */
export function createActivities(deps: ActivityDeps): StepActivities & BookkeepingActivities {
  return {
    ...createBookkeeping(deps),
    ...createDataSteps(deps),
    ...createTrainingSteps(deps),
    ...createJudgingSteps(deps),
  };
}
