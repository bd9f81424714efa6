import { type RecordMode, strictest } from '../core/access.ts';
import { RatchetError } from '../core/errors.ts';
import type { Settings } from '../core/settings.ts';
import type { Route } from './resolve.ts';
import { type Leave, egressRefusal } from './routing/egress.ts';
import { forcedTarget } from './routing/force.ts';
import { planAsked } from './routing/planning.ts';
import {
  type LeftOut,
  type NamedRoute,
  type Planned,
  type PolicyDeps,
  type PolicyRequest,
  type Scene,
  isSameModel,
  leaveOf,
} from './routing/scene.ts';

export type { LeftOut, PolicyRequest } from './routing/scene.ts';
export { tellLeftOut } from './routing/left-out.ts';

/** Who is asked for an answer, and what is kept of it. */
export interface Plan {
  /** In the order in which they are asked; never empty. */
  targets: readonly Route[];
  /** The strictest of request, key, route, and every provider that may be asked. */
  record: RecordMode;
  /** Name of the route; null when a model was asked for. */
  route: string | null;
  /** Who would have been asked first, if no budget were spent; null when none is. */
  spared: Route | null;
  /** What `routing.force` says, where that decided. */
  forced: string | null;
  /** Models that are not asked, with the reason. */
  leftOut: readonly LeftOut[];
}

export interface Policy {
  /** Names that clients can ask for as models, beside models: routes in the order of the file, then aliases. */
  routes(): string[];
  /**
   * Decides one request. It waits for nobody unless a bare model name has to be looked up.
   *
   * Throws NotFound when what was asked for does not exist, ProviderRejected when its provider is not set up, Conflict when
   * `routing.force` would send it where it may not go, and BudgetSpent when the model that a budget falls back to may not
   * be asked in its place.
   */
  plan(request: PolicyRequest): Promise<Plan>;
}

/** Creates the policy: what `ratchet.json` says about routes and providers, applied to one request. */
export function createPolicy(deps: PolicyDeps): Policy {
  const { aliases = () => [] } = deps;
  return {
    routes() {
      const { routes, aliases: own } = deps.settings();
      return [...new Set([...routes.keys(), ...own.keys(), ...aliases()])];
    },
    async plan(request) {
      const settings = deps.settings();
      const scene: Scene = { deps, settings, request, route: routeOf(request.asked, settings) };
      const { force } = settings.routing;
      // What money allows goes before everything.
      if (request.instead !== null) return planInstead(scene, request.instead);
      return force === null ? planOf(scene, await planAsked(scene)) : planForced(scene, force);
    },
  };
}

function routeOf(name: string, { aliases, routes }: Settings): NamedRoute | null {
  const route = routes.get(name);
  return route && !aliases.has(name) ? { ...route, name } : null;
}

function planOf(scene: Scene, { targets, leftOut }: Pick<Planned, 'targets' | 'leftOut'>): Plan {
  const { route } = scene;
  return { targets, spared: null, forced: null, leftOut, record: recordOf(scene, targets), route: route?.name ?? null };
}

function recordOf({ request, route, settings }: Scene, targets: readonly Route[]): RecordMode {
  return strictest([
    request.unrecorded ? 'meta' : 'all',
    request.record,
    route?.record ?? 'all',
    ...targets.map(({ provider }) => settings.providers.get(provider.name)?.record ?? 'all'),
  ]);
}

/** Everything goes to one place; what was asked for still says what may leave, and how much is kept. */
async function planForced(scene: Scene, force: string): Promise<Plan> {
  const asked = await plannedOrNobody(scene);
  const targets = [forcedTarget(force, asked, scene)];
  const record = recordOf(scene, [...targets, ...asked.targets]);
  return { ...planOf(scene, { targets, leftOut: [] }), record, forced: force };
}

async function plannedOrNobody(scene: Scene): Promise<Planned> {
  try {
    return await planAsked(scene);
  } catch {
    return { origin: 'local', targets: [], leftOut: [] };
  }
}

/** The one model that is asked when a budget is spent: its rules are those of a fallback. */
async function planInstead(scene: Scene, instead: string): Promise<Plan> {
  const { origin, targets } = await planAsked(scene);
  const target = scene.deps.resolver.find(instead);
  // `routing.egress` is about `routing.fallback` and `routing.force` alone.
  const leave: Leave = scene.route ? leaveOf(scene) : { egress: 'deny', route: null };
  const reason = target ? egressRefusal(origin, target, leave, scene.settings) : 'no provider of that name is set up';
  if (!target || reason !== null) {
    const message = `The budget is spent, and ${instead}, which is to be asked instead, was not: ${reason}.`;
    throw new RatchetError('BudgetSpent', message);
  }
  const [wanted] = targets;
  const spared = wanted && isSameModel(wanted, target) ? null : (wanted ?? null);
  return { ...planOf(scene, { targets: [target], leftOut: [] }), spared };
}
