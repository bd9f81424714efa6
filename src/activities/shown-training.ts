import { join } from 'node:path';
import type { CycleEvent } from '../core/cycle.ts';
import { readEvents } from '../store/event-log.ts';
import { type TensorboardLog, openTensorboardLog } from '../training/tensorboard-log.ts';
import type { ActivityDeps } from './deps.ts';
import type { StepWork } from './step.ts';

/**
 * Runs a training whose events TensorBoard is shown as well, where a folder for that is set: one run for the cycle, and of a
 * sweep one for each training. Whatever goes wrong there is a warning.
 */
export async function shownTraining<T>(
  { tensorboardDir, dataDir }: Pick<ActivityDeps, 'tensorboardDir' | 'dataDir'>,
  work: StepWork,
  train: (work: StepWork) => Promise<T>,
): Promise<T> {
  if (tensorboardDir === null) return train(work);
  const { recipe, input } = work;
  const root = join(tensorboardDir, recipe.name, input.cycleId);
  const before = (await readEvents(dataDir, input.cycleId, 0).catch(() => [])).map(({ event }) => event);
  const warn = (message: string) => work.report({ message }, 'warning');
  const logs = new Map<unknown, TensorboardLog>();

  function logOf({ combination, learning_rate: rate, rank }: CycleEvent['data']): TensorboardLog {
    const there = logs.get(combination);
    if (there) return there;
    const folder = combination === undefined ? root : join(root, `rank-${String(rank)}-rate-${String(rate)}`);
    const own = before.filter(({ data }) => data.combination === combination);
    const log = openTensorboardLog({ folder, name: input.cycleId, before: own, warn });
    logs.set(combination, log);
    return log;
  }

  const report: StepWork['report'] = (data, kind = 'progress') => {
    work.report(data, kind);
    // A sweep says what a training is before anything else is said of it.
    logOf(data).take({ at: '', cycle: input.cycleId, step: 'train', kind, data });
  };
  try {
    return await train({ ...work, report });
  } finally {
    for (const log of logs.values()) await log.close();
  }
}
