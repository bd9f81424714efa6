import type { Client } from '@temporalio/client';
import type { TemporalAddress } from './connection.ts';
import type { CycleService, CycleServiceDeps } from './cycles.ts';
import { lightCheck } from './light-check.ts';
import { openCycles, position } from './record.ts';

export interface LazyCycleServiceDeps extends Omit<CycleServiceDeps, 'client' | 'address'> {
  temporal: TemporalAddress;
}

export interface LazyCycleService extends CycleService {
  /** Throws TemporalUnavailable unless the server answers; once its client is loaded, unless it has the namespace too. */
  check(): Promise<void>;
  close(): Promise<void>;
}

interface Loaded {
  client: Client;
  service: CycleService;
  check(): Promise<void>;
}

/**
 * The service of cycles, which loads Temporal's client when it is first needed: with its protocol buffers it takes 50 MB,
 * which an API that only records chats does without.
 */
export function createLazyCycleService(deps: LazyCycleServiceDeps): LazyCycleService {
  const { store } = deps;
  let loading: Promise<Loaded> | null = null;
  const loaded = (): Promise<Loaded> => (loading ??= load(deps));

  return {
    start: async (recipe, options) => (await loaded()).service.start(recipe, options),
    retry: async (id, request) => (await loaded()).service.retry(id, request),
    abort: async (id, request) => (await loaded()).service.abort(id, request),
    approve: async (id, request) => (await loaded()).service.approve(id, request),
    reconcile: async () => ((await openCycles(store)).length === 0 ? [] : (await loaded()).service.reconcile()),
    position: (cycle) => position(store, cycle),
    check: async () => (loading ? (await loading).check() : lightCheck(deps.temporal.address)),
    close: async () => {
      if (loading) await (await loading).client.connection.close();
    },
  };
}

async function load({ temporal, ...deps }: LazyCycleServiceDeps): Promise<Loaded> {
  const [{ checkTemporal, createClient }, { createCycleService }] = await Promise.all([
    import('./connection.ts'),
    import('./cycles.ts'),
  ]);
  const client = createClient(temporal);
  const { address } = temporal;
  return {
    client,
    service: createCycleService({ ...deps, client, address }),
    check: () => checkTemporal(client, address),
  };
}
