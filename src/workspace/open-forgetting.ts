import { removeRun } from '../training/forget.ts';
import type { ModelVersion } from '../store/types.ts';
import { nameInOllama } from '../models/import.ts';
import type { StaleModels } from '../models/stale.ts';
import { type ForgettingDeps, createForgetting } from './forgetting.ts';
import type { House } from './house.ts';

const serveMs = 10 * 60_000;

/** What forgets in the rooms of a process. */
export function openForgetting(
  house: Pick<House, 'config' | 'store' | 'promotions' | 'imports' | 'activities' | 'registry'>,
  stale: Pick<StaleModels, 'refresh'>,
  log: ForgettingDeps['log'],
): ReturnType<typeof createForgetting> {
  const { config, store, promotions, imports, activities, registry } = house;
  const { dataDir, datasetsDir } = config;
  return createForgetting({
    store,
    dataDir,
    datasetsDir,
    log,
    isLocal: (provider) => registry.get(provider)?.locality === 'local',
    onStale: () => stale.refresh(),
    models: {
      promotions,
      serveBase: (base) => activities.serveBase(base, AbortSignal.timeout(serveMs)),
      deleteServed: (ref) => imports.ollama.delete(nameInOllama(ref)),
      deleteWeights: (version) => deleteWeights(house, version),
    },
  });
}

/** The runs of the version's cycle that trained its adapter, or that did not come to one. */
async function deleteWeights({ config, store }: Pick<House, 'config' | 'store'>, version: ModelVersion): Promise<void> {
  for (const { key, step, output } of await store.cycles.stepsOf(version.cycleId)) {
    if (step !== 'train') continue;
    const trained = (output as { adapterDigest?: string } | null)?.adapterDigest;
    if (trained === undefined || trained === version.adapterDigest)
      await removeRun(config.dataDir, version.cycleId, key);
  }
}
