import { type Settings, defaultSettings } from '../../core/settings.ts';
import { createGates } from './gates.ts';
import { type Lane, type LaneRules, type LaneView, createLane } from './lane.ts';

/** The lanes of every model that was asked in this process. */
export interface Lanes {
  /** Cheap: two look-ups, and no allocation once it is known. */
  of(provider: string, model: string): Lane;
  /** As `of`, of one that was asked lately; null of any other. */
  find(provider: string, model: string): Lane | null;
  /** What is known of each, for those who only look. */
  view(): LaneView[];
}

export interface LanesDeps {
  settings?: () => Settings;
  /** In ms, and never runs backwards. */
  clock?: () => number;
  /** Told when a breaker opens, and when it closes again. */
  broken?: (provider: string, model: string, open: boolean) => void;
  /** How many are kept: names of models are made up by clients. */
  most?: number;
}

interface Known {
  lane: Lane;
  /** The settings that its rules were read from. */
  settings: Settings;
}

/** Creates the lanes of this process; other processes have their own. */
export function createLanes(deps: LanesDeps = {}): Lanes {
  const { settings = () => defaultSettings, clock = () => performance.now(), broken, most = 1_000 } = deps;
  const gates = createGates(clock);
  const byProvider = new Map<string, Map<string, Known>>();
  let size = 0;

  function rulesOf(provider: string, model: string, current: Settings): LaneRules {
    const { retries = current.routing.retries, timeoutSeconds } = current.providers.get(provider) ?? {};
    return {
      retries,
      beginMs: timeoutSeconds === undefined ? null : timeoutSeconds * 1_000,
      breaker: current.routing.breaker,
      gates: gates.before(provider, model, current),
    };
  }

  function make(provider: string, model: string, current: Settings): Known {
    if (size >= most) forgetIdle();
    const rules = rulesOf(provider, model, current);
    const lane = createLane({
      provider,
      model,
      rules,
      gates,
      clock,
      broken: (open) => broken?.(provider, model, open),
    });
    const known = { lane, settings: current };
    const models = byProvider.get(provider) ?? new Map<string, Known>();
    byProvider.set(provider, models.set(model, known));
    size += 1;
    return known;
  }

  /** Forgets what nobody uses and what is not in trouble. */
  function forgetIdle(): void {
    for (const models of byProvider.values()) {
      for (const [model, { lane }] of models) {
        if (lane.inFlight > 0 || lane.breaker.state(clock()) !== 'closed') continue;
        models.delete(model);
        size -= 1;
      }
    }
  }

  return {
    of(provider, model) {
      const current = settings();
      const known = byProvider.get(provider)?.get(model) ?? make(provider, model, current);
      if (known.settings !== current) {
        known.settings = current;
        known.lane.rules = rulesOf(provider, model, current);
      }
      return known.lane;
    },
    find: (provider, model) => byProvider.get(provider)?.get(model)?.lane ?? null,
    view: () => [...byProvider.values()].flatMap((models) => [...models.values()].map(({ lane }) => lane.view())),
  };
}
