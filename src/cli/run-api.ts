import type { Logger } from 'pino';
import { createApp } from '../api/app.ts';
import { baseRoutes } from '../api/bases.ts';
import { cycleTrainingRoutes } from '../api/cycle-training.ts';
import { cycleRoutes } from '../api/cycles.ts';
import { datasetToolRoutes } from '../api/dataset-tools.ts';
import { rowTokenRoutes } from '../api/row-tokens.ts';
import { datasetRoutes } from '../api/datasets.ts';
import { gpuRoutes } from '../api/gpu.ts';
import { createGuard } from '../api/guard.ts';
import { keyRoutes } from '../api/keys.ts';
import { reviewRoutes } from '../api/review.ts';
import { metricsRoutes } from '../api/metrics.ts';
import { modelExportRoutes } from '../api/model-exports.ts';
import { modelRoutes } from '../api/models.ts';
import { priceRoutes } from '../api/prices.ts';
import { type Probe, ownProvidersProbe, settingsProbe } from '../api/probes.ts';
import { ollamaRoutes } from '../api/ollama/routes.ts';
import { promotionRoutes } from '../api/promotions.ts';
import { serveApi } from '../api/serve.ts';
import { routeRoutes } from '../api/routes.ts';
import { createDoor } from '../api/v1/door.ts';
import { usageRoutes } from '../api/usage.ts';
import type { Config } from '../config.ts';
import { createAddFeedback } from '../feedback/add.ts';
import { openDoors } from '../gateway/access/open.ts';
import { type Gateway, createGateway } from '../gateway/gateway.ts';
import { createPrices } from '../gateway/price.ts';
import { baseModelName, listBases, resolveBase } from '../models/bases.ts';
import { reconcile } from '../models/ledger.ts';
import { findBase } from '../models/propose/find-base.ts';
import { selectionRef } from '../models/selection.ts';
import { createLog } from '../telemetry/log.ts';
import { type LazyCycleService, createLazyCycleService } from '../temporal/lazy-cycles.ts';
import { refIn } from '../workspace/active.ts';
import { type House, openHouse } from '../workspace/house.ts';
import { tendRecord } from '../workspace/tend-record.ts';
import { settleMemory } from './bound-memory.ts';
import { openAnswers, openChatExtras } from './chat-extras.ts';
import { type ForgettingParts, openForgettingParts } from './forgetting.ts';
import { type Health, openHealth } from './health.ts';
import { openRouting } from './routing.ts';
import { type Telemetry, freedOf, openTelemetry, watchGuard } from './telemetry.ts';
import { untilStopped } from './until-stopped.ts';
import { packageVersion } from './version.ts';

const sweepMs = 10_000;

/** Serves the gateway and the API until it is stopped. */
export async function runApi(config: Config, lifeline: boolean): Promise<void> {
  const log = createLog({ level: config.logLevel, name: 'api' });
  const house = await openHouse(config, log);
  const cycles = cyclesOf(house);
  const health: Health = openHealth(house, { cycles, active: () => gateway.resolver.active() });
  const { watch } = health.deps;
  const seen = { version: packageVersion(), log, providers: watch.up, freed: () => freedOf(house.registry.providers) };
  const telemetry = await openTelemetry({ config, store: house.store, ...seen });
  const doors = await openDoors({ store: house.store, rootKey: config.apiKey, log });
  await reconcile(house.promotions).catch((error: unknown) => log.warn({ err: error }, 'the selection file'));
  const forgetting = await openForgettingParts(house, log);
  const prices = createPrices({ settings: () => house.settings.current(), log });
  const routed = openRouting(house, { prices, observer: telemetry.observer });
  const gateway = createGateway({
    chats: house.store.chats,
    usage: house.store.usage,
    limits: doors.limits,
    ...routed,
    prices,
    capabilities: health.capabilities,
    observer: health.watch(telemetry.observer),
    answers: openAnswers(house.store, log),
    warning: forgetting.warning,
    log,
  });
  const extras = openChatExtras(house.store, gateway, createAddFeedback(house.store));
  const ownGuard = createGuard({ boundTo: config.host, authenticate: doors.access.authenticate });
  const guard = watchGuard(ownGuard, telemetry.metrics);
  const app = createApp(
    Object.assign(appParts(house, log), {
      guard,
      gateway,
      routes: [
        ...routesOf(house, cycles, telemetry),
        keyRoutes({ ...doors, log }),
        ...forgetting.routes,
        priceRoutes({ prices }),
        routeRoutes({ gateway, settings: () => house.settings.current() }),
        ...extras.routes,
      ],
      health: { ...health.deps, breakers: () => routed.lanes.view() },
      probes: probesOf(house, forgetting, gateway),
    }),
  );
  const server = await serveApi(app, {
    host: config.host,
    port: config.port,
    door: createDoor({ gateway, guard, operations: extras.operations, log }),
  });
  log.info({ url: server.url }, 'listening');
  watch.start();
  settleMemory();
  const stopSweeping = sweep(house, cycles, log);
  const tending = tend(house, log, () => gateway.busy);
  await untilStopped(lifeline);
  stopSweeping();
  watch.stop();
  await tending.stop();
  await server.close();
  await forgetting.stop();
  await gateway.settled();
  await doors.close();
  await house.close();
  await telemetry.close();
  await cycles.close();
}

function tend({ store, settings }: House, log: Logger, busy: () => boolean): ReturnType<typeof tendRecord> {
  return tendRecord({ ...store, retentionDays: () => settings.current().retention.days, busy, log });
}

function cyclesOf({ baseRoots, config, store }: House): LazyCycleService {
  return createLazyCycleService({
    store,
    temporal: config.temporal,
    dataDir: config.dataDir,
    resolveBase: (name) => resolveBase(baseRoots, name),
  });
}

function appParts(house: House, log: Logger) {
  const { store, registry } = house;
  return {
    store,
    // They follow the settings.
    get providers() {
      return registry.providers;
    },
    addFeedback: createAddFeedback(store),
    version: packageVersion(),
    log,
  };
}

function probesOf({ settings, own }: House, forgetting: ForgettingParts, { resolver }: Gateway): Record<string, Probe> {
  const stale = forgetting.probe(() => resolver.active());
  return { settings: settingsProbe(settings), model: stale, ...ownProvidersProbe(own) };
}

function routesOf(house: House, cycles: LazyCycleService, telemetry: Telemetry) {
  const { config, store, promotions } = house;
  const finders = {
    readRecipe: async (name: string) =>
      (await import('../workspace/recipes/folder.ts')).readRecipe(config.recipesDir, name),
    findBase: () => findBase(findBaseParts(house)),
  };
  return [
    cycleTrainingRoutes({ ...house.activities, ...finders }),
    cycleRoutes({ store, cycles, dataDir: config.dataDir, ...finders }),
    gpuRoutes(house),
    baseRoutes({ roots: house.baseRoots, imports: house.imports }),
    modelRoutes({ store }),
    modelExportRoutes({ ...house.activities, ...basesOf(house) }),
    promotionRoutes({ promotions }),
    ollamaRoutes({ ...house.ollama, selected: () => selectedRef(house) }),
    // Before those that take any file of a version.
    datasetToolRoutes(house.activities),
    rowTokenRoutes(house.activities),
    datasetRoutes({ store, datasetsDir: config.datasetsDir }),
    usageRoutes({ store }),
    metricsRoutes(telemetry),
    reviewRoutes({ store }),
  ];
}

function findBaseParts({ active, config, store, registry, imports, baseRoots }: House) {
  const { modelPrefix } = config;
  const ref = (): string | null => {
    const found = active();
    return found && refIn(registry, found);
  };
  return { active: ref, store, ollama: imports.ollama, roots: baseRoots, modelPrefix };
}

function basesOf({ baseRoots, config }: House) {
  return {
    baseNames: () => listBases(baseRoots),
    baseModel: async (name: string) =>
      (await resolveBase(baseRoots, name)).ollama ?? baseModelName(config.modelPrefix, name),
  };
}

function selectedRef({ selection }: House): string | null {
  const file = selection.current();
  return file && selectionRef(file.selection);
}

/** Every few seconds: chats of dead processes, and cycles that Temporal no longer has, are marked for what they are. */
function sweep(house: House, cycles: LazyCycleService, log: Logger): () => void {
  const once = async () => {
    await house.store.chats.sweepInterrupted();
    const lost = await cycles.reconcile();
    if (lost.length > 0)
      log.warn({ cycles: lost }, 'cycles without a workflow are interrupted: retry starts them again');
  };
  const quietly = () => void once().catch((error: unknown) => log.debug({ err: error }, 'sweep'));
  quietly();
  const timer = setInterval(quietly, sweepMs);
  return () => clearInterval(timer);
}
