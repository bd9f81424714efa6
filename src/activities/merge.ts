import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { asRatchetError } from '../core/errors.ts';
import type { Evaluation } from '../core/evaluation.ts';
import { serveCandidate } from './candidate.ts';
import type { ActivityDeps } from './deps.ts';
import { whileGpuIsFree } from './gpu/while-free.ts';
import { finished } from './outputs.ts';
import type { StepWork } from './step.ts';

/** An adapter that costs more than this share of the speed is merged. */
const costly = 0.05;

/**
 * Before a candidate that is an adapter is promoted: times it beside its base, notes the figure, and where it is slower by more
 * than a twentieth puts merged weights in its place, under the same name. What does not fit, or fails, stays an adapter.
 */
export async function mergeWhereSlow(deps: ActivityDeps, work: StepWork): Promise<void> {
  const { input, recipe, signal, report } = work;
  const candidate = finished(input, 'import');
  if (candidate.adapter !== true || recipe.import.merge !== 'auto') return;
  const { models, blobs } = deps.store;
  const version = await models.get(candidate.modelVersion);
  if (version === null || version.metrics.merged === true) return;
  const { served } = await blobs.getJson<Evaluation>(finished(input, 'evaluate').evaluation);
  const speed = await whileGpuIsFree(deps.gpu, work, (free) =>
    deps.speed({ model: candidate.served, base: served.base, signal: free }),
  );
  const metrics = { ...version.metrics, speed: { ...speed } };
  report({ speed });
  await models.setMetrics(version.id, metrics);
  if (speed.slowdown <= costly) return;
  if (!(await fits(deps, input.base))) {
    report({ message: 'The adapter stays one, though it is slower: merged weights do not fit the disk.' }, 'warning');
    return;
  }
  try {
    const merged = await serveCandidate(deps, work, { step: 'promote', format: 'whole' });
    await models.noteServed(version.id, merged.digest);
    await models.setMetrics(version.id, { ...metrics, merged: true });
  } catch (error) {
    signal.throwIfAborted();
    report({ message: `The adapter stays one: ${asRatchetError(error).message}` }, 'warning');
  }
}

/** Whether the disk takes the base's weights twice: as the export, and as what Ollama makes of it. */
async function fits(deps: ActivityDeps, base: string): Promise<boolean> {
  const folder = await deps.baseFolder(base);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  const { bavail, bsize } = await statfs(deps.dataDir);
  return bavail * bsize > 2 * sizes.reduce((sum, size) => sum + size, 0);
}
