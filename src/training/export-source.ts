import { isObject } from '../core/canonical.ts';
import { RatchetError } from '../core/errors.ts';
import { nearestNames } from '../core/nearest.ts';
import { nameSchema } from '../core/recipe.ts';
import type { ModelVersion, Store } from '../store/types.ts';
import { runFolder } from './make-job.ts';
import { readTrainResult } from './run-job.ts';

export interface ExportSourceDeps {
  store: Pick<Store, 'models' | 'cycles'>;
  dataDir: string;
  /** Folder of a base in Hugging Face layout; BaseMissing. */
  baseFolder: (name: string) => Promise<string>;
  baseNames: () => Promise<string[]>;
}

/** What can be exported: a base, or a model version, which is an adapter on one. */
export interface ExportSource {
  /** Name of the base. */
  base: string;
  /** Its folder in Hugging Face layout. */
  folder: string;
  version: ModelVersion | null;
  /** Folder of the adapter; null of a base. */
  adapter: string | null;
}

/** Versions that are looked at for names like the one that was asked for. */
const newest = 200;

/**
 * Finds a model version by its id, or a base by its name. NotFound names what is like it; Conflict for a version whose weights
 * were deleted.
 */
export async function findExportSource(deps: ExportSourceDeps, name: string): Promise<ExportSource> {
  const version = await deps.store.models.get(name);
  if (version) return versionSource(deps, version);
  const bases = await deps.baseNames();
  if (!nameSchema.safeParse(name).success || !bases.includes(name)) throw await unknownSource(deps, name, bases);
  return { base: name, folder: await deps.baseFolder(name), version: null, adapter: null };
}

async function versionSource(deps: ExportSourceDeps, version: ModelVersion): Promise<ExportSource> {
  if (version.deletedAt !== null) {
    const day = new Date(version.deletedAt).toISOString().slice(0, 10);
    throw new RatchetError(
      'Conflict',
      `The weights of the model version ${version.id} were deleted on ${day}: export another that "ratchet models" lists.`,
    );
  }
  const adapter = await adapterOf(deps, version);
  return { base: version.base, folder: await deps.baseFolder(version.base), version, adapter };
}

/** The adapter that its cycle trained, checked by its digest; another step call of the cycle may have trained another. */
async function adapterOf({ store, dataDir }: ExportSourceDeps, version: ModelVersion): Promise<string> {
  const calls = await store.cycles.stepsOf(version.cycleId);
  for (const { step, output } of calls) {
    if (step !== 'train' || !isObject(output) || output.adapterDigest !== version.adapterDigest) continue;
    const { run } = output;
    if (typeof run !== 'string') continue;
    const result = await readTrainResult(runFolder(dataDir, version.cycleId, run)).catch(() => null);
    if (result?.adapter_digest === version.adapterDigest) return result.adapter;
  }
  throw new RatchetError(
    'NotFound',
    `The adapter of the model version ${version.id} is gone from ${dataDir}: export another that "ratchet models" lists.`,
  );
}

async function unknownSource(
  { store }: ExportSourceDeps,
  name: string,
  bases: readonly string[],
): Promise<RatchetError> {
  const { items } = await store.models.list({ limit: newest, order: 'desc' });
  const kept = items.filter(({ deletedAt }) => deletedAt === null);
  const ids = new Map(kept.map(({ id, served }) => [served, id]));
  const near = nearestNames(name, [...bases, ...ids.keys(), ...ids.values()]).map((found) => {
    const id = ids.get(found);
    return id === undefined ? found : `${id} (${found})`;
  });
  const like = near.length > 0 ? ` Like it: ${near.join(', ')}.` : '';
  return new RatchetError(
    'NotFound',
    `There is no model version and no base "${name.slice(0, 100)}": "ratchet models" and "ratchet bases list" name them.${like}`,
  );
}
