import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { pino, type Logger } from 'pino';
import { createApp } from '../api/app.ts';
import { baseRoutes } from '../api/bases.ts';
import { cycleRoutes } from '../api/cycles.ts';
import { datasetRoutes } from '../api/datasets.ts';
import { modelRoutes } from '../api/models.ts';
import { type Probe, diskProbe, providersProbe, storeProbe } from '../api/probes.ts';
import { promotionRoutes } from '../api/promotions.ts';
import { serveApi } from '../api/serve.ts';
import { type Config, loadConfig, packageRoot } from '../config.ts';
import { createAddFeedback } from '../feedback/add.ts';
import { createGateway } from '../gateway/chat.ts';
import { createResolver } from '../gateway/resolve.ts';
import { resolveBase } from '../models/bases.ts';
import { reconcile } from '../models/ledger.ts';
import { readSelection } from '../models/selection.ts';
import { checkTemporal, createClient } from '../temporal/connection.ts';
import { type CycleService, createCycleService } from '../temporal/cycles.ts';
import { type House, openHouse } from '../workspace/house.ts';
import { untilStopped } from './until-stopped.ts';

const sweepMs = 10_000;

/** `ratchet api`: the gateway and the product API, in one process. */
export function registerApi(program: Command): void {
  program
    .command('api')
    .description('serve the gateway and the API (part of "up"; on its own in production)')
    .option('--lifeline', 'end when standard input closes')
    .action((options: { lifeline?: boolean }) => runApi(loadConfig(), options.lifeline ?? false));
}

async function runApi(config: Config, lifeline: boolean): Promise<void> {
  const log = pino({ level: config.logLevel, name: 'api' });
  const house = await openHouse(config);
  const client = createClient(config.temporal);
  const { address } = config.temporal;
  const cycles = createCycleService({
    store: house.store,
    client,
    address,
    dataDir: config.dataDir,
    resolveBase: (name) => resolveBase(house.baseRoots, name),
  });
  await reconcile(house.promotions).catch((error: unknown) => log.warn({ err: error }, 'the selection file'));
  const gateway = createGateway({
    chats: house.store.chats,
    resolver: createResolver({ registry: house.registry, selection: () => selected(config) }),
    log,
  });
  const temporalProbe: Probe = async () => {
    await checkTemporal(client, address);
    return { state: 'green', reason: `Temporal answers at ${address}.` };
  };
  const app = createApp({
    ...appParts(house, log),
    gateway,
    routes: routesOf(house, cycles),
    probes: {
      store: storeProbe(house.store),
      temporal: temporalProbe,
      providers: providersProbe(house.registry.providers),
      disk: diskProbe(config.dataDir),
    },
  });
  const server = await serveApi(app, { host: config.host, port: config.port });
  log.info({ url: server.url }, 'listening');
  const stopSweeping = sweep(house, cycles, log);
  await untilStopped(lifeline);
  stopSweeping();
  await server.close();
  await gateway.settled();
  await house.close();
  await client.connection.close();
}

function appParts(house: House, log: Logger) {
  const { config, store, registry } = house;
  return {
    store,
    providers: registry.providers,
    addFeedback: createAddFeedback(store),
    host: config.host,
    apiKey: config.apiKey,
    version: packageVersion(),
    log,
  };
}

function routesOf(house: House, cycles: CycleService) {
  const { config, store, promotions } = house;
  return [
    cycleRoutes({ store, cycles, dataDir: config.dataDir }),
    baseRoutes({ roots: house.baseRoots, imports: house.imports }),
    modelRoutes({ store }),
    promotionRoutes({ promotions }),
    datasetRoutes({ store, datasetsDir: config.datasetsDir }),
  ];
}

async function selected(config: Config) {
  const file = await readSelection(config.selectionFile);
  return file && { ...file.selection, ...(file.apiKey !== null && { apiKey: file.apiKey }) };
}

/** Every few seconds: chats of dead processes, and cycles that Temporal no longer has, are marked for what they are. */
function sweep(house: House, cycles: CycleService, log: Logger): () => void {
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

/** The version in package.json. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;
}
