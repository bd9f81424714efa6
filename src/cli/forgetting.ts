import type { Logger } from 'pino';
import type { Routes } from '../api/context.ts';
import { forgetRoutes } from '../api/forget.ts';
import { lineageRoutes } from '../api/lineage.ts';
import { type Probe, staleProbe } from '../api/probes.ts';
import { type StaleModels, createStaleModels } from '../models/stale.ts';
import type { House } from '../workspace/house.ts';
import { openForgetting } from '../workspace/open-forgetting.ts';

/** What forgets, and what knows of the models that learned it. */
export interface ForgettingParts {
  routes: Routes[];
  warning: StaleModels['warning'];
  /** A part of health: whether the selected model is stale. `active` is a ref. */
  probe(active: () => string | null): Probe;
  stop(): Promise<void>;
}

/** Furnishes it, and goes on with what was not finished; the stale models are known when this resolves. */
export async function openForgettingParts(house: House, log: Logger): Promise<ForgettingParts> {
  const { store } = house;
  const stale = createStaleModels({ models: store.models });
  await stale.refresh();
  const forgetting = openForgetting(house, stale, log);
  forgetting.start();
  return {
    routes: [forgetRoutes({ store, forgetting }), lineageRoutes({ store })],
    warning: stale.warning,
    probe: (active) => staleProbe(active, stale),
    stop: async () => {
      stale.stop();
      await forgetting.stop();
    },
  };
}
