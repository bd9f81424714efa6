import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asRatchetError } from '../core/errors.ts';
import type { StepName } from '../core/cycle.ts';
import type { ExportResult, JobOf } from '../core/job.ts';
import { nameInOllama } from '../models/import.ts';
import { candidateName } from '../models/registry.ts';
import { exportJob } from '../training/make-job.ts';
import type { ActivityDeps } from './deps.ts';
import { adapterOf, placeOf, runStepJob } from './jobs.ts';
import { finished } from './outputs.ts';
import type { StepWork } from './step.ts';

/** Who puts it there, and as what. */
interface Serving {
  step: StepName;
  format: JobOf<'export'>['export']['format'];
}

/** A candidate in Ollama. */
export interface Candidate {
  served: string;
  digest: string;
  /** Whether it is an adapter on the base that Ollama has, or has the base's weights in it. */
  adapter: boolean;
}

/**
 * Puts the trained candidate into Ollama under its name: as an adapter on the base that is there where Ollama can run one,
 * else with its weights merged into the base's. What is there already is left as it is.
 */
export async function serveCandidate(
  deps: ActivityDeps,
  work: StepWork,
  { step, format }: Serving,
): Promise<Candidate> {
  const { merge, quantize } = work.recipe.import;
  if (merge === 'always' || quantize !== null) return exportAndImport(deps, work, { step, format: 'whole' });
  try {
    return await exportAndImport(deps, work, { step, format });
  } catch (error) {
    if (format !== 'serve' || asRatchetError(error).code !== 'ProviderRejected') throw error;
    work.report({ message: asRatchetError(error).message }, 'warning');
    return exportAndImport(deps, work, { step, format: 'whole' });
  }
}

async function exportAndImport(deps: ActivityDeps, work: StepWork, { step, format }: Serving): Promise<Candidate> {
  const { input, recipe } = work;
  const job = exportJob(await placeOf(deps, work), recipe, await adapterOf(deps, work), format);
  const made = await runStepJob(deps, work, step, job);
  const name = candidateName(deps.modelPrefix, recipe.name, finished(input, 'train').adapterDigest);
  const { served, digest } = await importMade(deps, work, name, made);
  // As large as the base, it may be, and written again by any attempt that needs it.
  await rm(made.path, { recursive: true, force: true });
  return { served, digest, adapter: made.format === 'gguf-adapter' };
}

async function importMade(deps: ActivityDeps, work: StepWork, name: string, made: ExportResult) {
  const { input, recipe, signal, report } = work;
  const request = { name, signal, onStatus: (status: string) => report({ status }) };
  if (made.format !== 'gguf-adapter') {
    const { quantize } = recipe.import;
    return deps.importModel({ ...request, folder: made.path, ...(quantize && { quantize }) });
  }
  const base = nameInOllama(await deps.serveBase(input.base, signal));
  const adapter = { file: join(made.path, 'adapter.gguf'), base };
  return deps.importModel({ ...request, folder: await deps.baseFolder(input.base), adapter });
}
