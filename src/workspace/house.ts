import { join } from 'node:path';
import type { ActivityDeps } from '../activities/deps.ts';
import type { SharedGpu } from '../activities/gpu/on-device.ts';
import { type Config, packageRoot } from '../config.ts';
import { RatchetError } from '../core/errors.ts';
import { tellFault } from '../core/setting-fault.ts';
import { providerInForce } from '../core/settings.ts';
import { buildCacheFolder } from '../dataset/scratch.ts';
import type { AskWhole } from '../evaluation/answer.ts';
import { builtInBases, ensureBaseServed, resolveBase } from '../models/bases.ts';
import { type CatalogueReader, createCatalogueReader } from '../models/catalogue.ts';
import { createMachine } from '../models/gpu/device.ts';
import { type ImportDeps, importModel, nameInOllama } from '../models/import.ts';
import { notPulled } from '../models/ollama/management.ts';
import { type OllamaClient, createOllamaClient } from '../models/ollama.ts';
import { type PromotionDeps, promote } from '../models/promotions.ts';
import { measureSpeed } from '../models/speed.ts';
import { type SelectionReader, createSelectionReader, readSelection } from '../models/selection.ts';
import { readBody } from '../providers/body.ts';
import { createProviderKeys } from '../providers/keys.ts';
import { kinds } from '../providers/kinds/all.ts';
import { kindFaults } from '../providers/known.ts';
import { createLiveRegistry } from '../providers/live.ts';
import { type OwnProviders, loadOwnProviders } from '../providers/own.ts';
import type { Registry } from '../providers/registry.ts';
import type { Provider } from '../providers/types.ts';
import { type SettingsLog, type SettingsReader, createSettings } from '../settings.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/types.ts';
import { exportModel } from '../training/export-model.ts';
import { type WarmPython, createWarmPython } from '../training/warm-python.ts';
import { type Active, createActive, environmentDefaults, refIn, unselectedRef } from './active.ts';
import { type GpuRoom, openGpuRoom, untilGpuFree } from './gpu.ts';
import { type OllamaRoom, ollamaAddress, ollamaClients, openOllamaRoom } from './ollama.ts';

/** The rooms of one process, furnished from its configuration. */
export interface House {
  config: Config;
  /** `ratchet.json` as it is now. */
  settings: SettingsReader;
  /** `model_select.json` as it is now. */
  selection: SelectionReader;
  /** `models_config.json` as it is now. */
  catalogue: CatalogueReader;
  /** The model that `active` means; null when nothing is selected. InvalidInput when the selection file is bad. */
  active: () => Active | null;
  store: Store;
  /** What the files of the user's own define, and what is wrong with them. */
  own: OwnProviders;
  registry: Registry;
  promotions: PromotionDeps;
  imports: ImportDeps;
  ollama: OllamaRoom;
  gpu: GpuRoom;
  baseRoots: { basesDir: string; builtIn: Readonly<Record<string, string>> };
  activities: ActivityDeps;
  close(): Promise<void>;
}

const silent: SettingsLog = { info: () => {}, warn: () => {} };

/** Largest answer of an evaluation, in bytes. */
const answerLimit = 8 * 2 ** 20;

/** Furnishes the rooms. InvalidInput, with every fault, when `ratchet.json` is bad. */
export async function openHouse(config: Config, log: SettingsLog = silent): Promise<House> {
  const own = await loadOwnProviders(config.providersDir);
  for (const fault of own.faults) log.warn({ fault: tellFault(fault) }, 'a provider of your own is left out');
  const definitions = [...kinds, ...own.definitions];
  const settings = createSettings({
    file: config.settingsFile,
    log,
    defaults: environmentDefaults(config),
    check: (value) => kindFaults(value, definitions, own.unread),
  });
  const selection = createSelectionReader(config.selectionFile);
  const catalogue = createCatalogueReader({ file: config.catalogueFile, log });
  const active = createActive({ config, selection, catalogue });
  const store = await openStore({ dataDir: config.dataDir, databaseUrl: config.databaseUrl });
  const keys = createProviderKeys(config.providerKeysFile);
  const baseRoots = { basesDir: config.basesDir, builtIn: builtInBases(packageRoot) };
  const client = createOllamaClient(ollamaAddress(config, settings.current()), () => keys.get('ollama'));
  const { modelPrefix } = config;
  const ollama = openOllamaRoom({ client, settings, selection, store, baseRoots, modelPrefix });
  const gpu = openGpuRoom({
    store,
    settings,
    host: config.gpuHost,
    ollamaOf: ollamaClients(client, settings, keys),
  });
  await gpu.look();
  const registry = createLiveRegistry({
    config,
    keys,
    definitions,
    settings: () => settings.current(),
    finish: (provider) => withLocality(gpu.keepingAway(ollama.pulling(provider)), settings),
  });
  // A name that LiteLLM's library would read is read right from the first call on.
  await Promise.all(registry.providers.flatMap(({ proxy }) => (proxy ? [proxy.look()] : [])));
  const promotions = promotionParts(config, store, { selection, registry });
  const warmPython = createWarmPython({ logFile: join(config.dataDir, 'logs', 'python.log') });
  const imports = importParts(config, { client, gpu, warmPython });
  const partial = {
    config,
    settings,
    selection,
    catalogue,
    active,
    store,
    own,
    registry,
    promotions,
    imports,
    ollama,
    gpu,
    baseRoots,
  };
  const close = async () => {
    gpu.close();
    await registry.close();
    await ollama.jobs.close();
    await warmPython.stop();
    await store.close();
  };
  return { ...partial, activities: activityDeps(partial, warmPython), close };
}

function importParts(
  config: Config,
  { client, gpu, warmPython }: { client: OllamaClient; gpu: Pick<GpuRoom, 'holder'>; warmPython: WarmPython },
): ImportDeps {
  const exporting = { dataDir: config.dataDir, python: () => pythonOf(config), warmPython };
  return {
    ollama: client,
    modelPrefix: config.modelPrefix,
    importsDir: join(config.dataDir, 'imports'),
    gpuLent: () => gpu.holder() !== null,
    toGguf: async (base, signal) => (await exportModel(exporting, { base, spec: asGguf, signal })).path,
  };
}

function promotionParts(
  config: Config,
  { models }: Store,
  { selection, registry }: Pick<House, 'selection' | 'registry'>,
): PromotionDeps {
  return {
    models,
    selectionFile: config.selectionFile,
    onWritten: () => selection.written(),
    assertServed: (ref) => assertServed(registry, ref),
    untilSelected: unselectedRef(config),
    refOf: (one) => refIn(registry, one),
  };
}

function activityDeps(house: Omit<House, 'activities' | 'close'>, warmPython: WarmPython): ActivityDeps {
  const { config, settings, store, registry, imports, baseRoots, promotions } = house;
  const askWhole = createAsk(registry);
  const servedBase: ActivityDeps['servedBase'] = async (name, signal) => {
    const { served: ref, digest } = await ensureBaseServed(imports, await resolveBase(baseRoots, name), { signal });
    return { ref, digest };
  };
  return {
    store,
    dataDir: config.dataDir,
    datasetsDir: config.datasetsDir,
    evalsDir: config.evalsDir,
    buildCacheDir: buildCacheFolder(config.dataDir),
    tensorboardDir: config.tensorboardDir,
    modelPrefix: config.modelPrefix,
    python: () => pythonOf(config),
    warmPython,
    trainAllowed: (name) => providerInForce(settings.current(), name, registry.get(name)?.locality ?? 'remote').train,
    gpu: sharedGpu(house),
    ask: async (request, signal) => (await askWhole(request, signal)).text,
    askWhole,
    baseFolder: async (name) => (await resolveBase(baseRoots, name)).folder,
    serveBase: async (name, signal) => (await servedBase(name, signal)).ref,
    servedBase,
    speed: ({ model, base, signal }) =>
      measureSpeed(imports.ollama, { model: nameInOllama(model), base: nameInOllama(base), signal }),
    importModel: (request) => importModel(imports, request),
    selected: async () => {
      const file = await readSelection(config.selectionFile);
      const ref = file ? refIn(registry, file.selection) : unselectedRef(config);
      if (ref === null) return null;
      return { ref, local: registry.split(ref)?.provider.locality === 'local' };
    },
    promote: async ({ modelVersion, opponent, actor, cycleId, evidence }) => {
      const before = await store.models.head();
      const expected = opponent === null ? {} : { expectedOpponent: opponent };
      const line = await promote(promotions, { target: { modelVersion }, actor, cycleId, evidence, ...expected });
      return { promotion: line.id, changed: line.id !== before?.id };
    },
  };
}

function sharedGpu({ config, gpu, imports }: Pick<House, 'config' | 'gpu' | 'imports'>): SharedGpu {
  return {
    host: gpu.host,
    settings: gpu.settings,
    holder: gpu.holder,
    machine: createMachine(config.variable('CUDA_VISIBLE_DEVICES')),
    ollama: imports.ollama,
  };
}

const asGguf = { adapter: null, dtype: 'float16', format: 'gguf' } as const;

/** A provider is where its base URL says, unless the settings know better. */
function withLocality(provider: Provider, settings: SettingsReader): Provider {
  const own = provider.locality;
  return Object.defineProperty({ ...provider }, 'locality', {
    enumerable: true,
    get: () => settings.current().providers.get(provider.name)?.locality ?? own,
  });
}

/**
 * Asks a served model through its provider, without recording: an evaluation is no chat, and neither is what a base is asked to
 * be replayed. Prompts come from chats that stayed on this machine, so nobody else is asked. While another cycle has the GPU it waits for what cannot do
 * without.
 */
function createAsk(registry: Registry): AskWhole {
  return async ({ model, ...request }, signal) => {
    const target = registry.split(model);
    if (!target) throw new RatchetError('NotFound', `No provider serves ${model}: GET /api/providers lists them.`);
    if (target.provider.locality !== 'local') {
      throw new RatchetError('InvalidInput', `${model} is not asked: prompts of an evaluation stay on this machine.`);
    }
    const asked = JSON.stringify({ ...request, model: target.model, stream: false });
    const { provider, model: name } = target;
    const answer = await untilGpuFree(() => provider.call('chat/completions', asked, { signal, model: name }), signal);
    const body = JSON.parse(await readBody(answer.body, answerLimit)) as {
      choices?: { message?: { content?: unknown }; finish_reason?: unknown }[];
    };
    const [choice] = body.choices ?? [];
    const text = choice?.message?.content;
    return { text: typeof text === 'string' ? text : '', cutOff: choice?.finish_reason === 'length' };
  };
}

/** Throws unless the provider lists the model now, so that nothing unreachable is ever selected. */
async function assertServed(registry: Registry, ref: string): Promise<void> {
  const target = registry.split(ref);
  if (!target)
    throw new RatchetError('NotFound', `No provider of that name serves ${ref}: GET /api/providers lists them.`);
  const models = await target.provider.listModels({ signal: AbortSignal.timeout(10_000) });
  const wanted = target.model.includes(':') ? target.model : `${target.model}:latest`;
  if (models.includes(target.model) || models.includes(wanted)) return;
  if (target.provider.name === 'ollama') throw notPulled(target.model);
  throw new RatchetError(
    'NotFound',
    `${target.provider.name} does not have ${target.model}: GET /v1/models lists what can be selected.`,
  );
}

function pythonOf(config: Config): string {
  if (config.python) return config.python;
  throw new RatchetError('PartMissing', 'There is no Python with LitGPT: run "ratchet setup", then retry the step.');
}
