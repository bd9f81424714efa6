import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportModelDeps } from './export-model.ts';
import { prepareJob } from './make-job.ts';
import { runJob } from './run-job.ts';

/** Seconds without a sign of life: weights are converted in silence. */
const stallSeconds = 1800;

/**
 * Looks at a base as every cycle does before it trains: its family, its chat template, its tensors, which are converted and kept
 * for the first cycle. InvalidInput says what of it cannot be trained.
 */
export async function checkBase(
  deps: ExportModelDeps,
  folder: string,
  { withoutWeights, signal }: { withoutWeights: boolean; signal: AbortSignal },
): Promise<void> {
  await mkdir(deps.dataDir, { recursive: true });
  const work = await mkdtemp(join(deps.dataDir, 'check-base-'));
  try {
    const job = prepareJob({ dataDir: deps.dataDir, base: folder, work, key: 'check' }, withoutWeights);
    await runJob(job, { python: deps.python(), warm: deps.warmPython, signal, stallSeconds });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
