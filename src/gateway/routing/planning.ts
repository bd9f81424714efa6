import { RatchetError } from '../../core/errors.ts';
import type { Route } from '../resolve.ts';
import { planDeployments } from './deployments.ts';
import { egressRefusal } from './egress.ts';
import { findMember, setUpError } from './members.ts';
import { type NamedRoute, type Planned, type Scene, clauseOf, isSameModel, leaveOf, whoNames } from './scene.ts';
import { tellLeftOut } from './left-out.ts';

/** Who may be asked for what was asked for: a route's deployments and fallbacks, or a model and what stands in for all. */
export function planAsked(scene: Scene): Planned | Promise<Planned> {
  const { deps, route, request } = scene;
  if (route) return planRoute(route, scene);
  const { resolver } = deps;
  const target = resolver.find(request.asked) ?? resolver.recall(request.asked);
  return target ? planModel(target, scene) : resolver.resolve(request.asked).then((late) => planModel(late, scene));
}

function planModel(target: Route, scene: Scene): Planned {
  const { deps, settings } = scene;
  const { provider, model } = target;
  // Who has answered is set up; looking is worth it for strangers only.
  const missing = deps.lanes?.find(provider.name, model)?.hasAnswered ? null : setUpError(target);
  if (missing) throw missing;
  const planned: Planned = { origin: provider.locality, targets: [target], leftOut: [] };
  const { fallback } = settings.routing;
  if (fallback.length > 0) addFallbacks(planned, fallback, scene);
  return planned;
}

function planRoute(route: NamedRoute, scene: Scene): Planned {
  const first = findMember(route.model, whoNames(scene), scene.deps.resolver);
  // What cannot be found may have been a local model.
  const origin = 'target' in first ? first.target.provider.locality : 'local';
  const planned = planDeployments(route, origin, scene);
  addFallbacks(planned, route.fallback, scene);
  const { targets, leftOut } = planned;
  if (targets.length > 0) return planned;
  if ('missing' in first) {
    throw tellLeftOut(first.missing, { leftOut: leftOut.filter(({ ref }) => ref !== first.ref) });
  }
  const message = `The route "${route.name}" has no model that may be asked for this request.`;
  throw tellLeftOut(new RatchetError('NotFound', message), planned);
}

function addFallbacks(planned: Planned, refs: readonly string[], scene: Scene): void {
  const { targets, leftOut } = planned;
  for (const ref of refs) {
    const member = findMember(ref, whoNames(scene), scene.deps.resolver);
    if ('missing' in member) {
      leftOut.push({ ref, reason: clauseOf(member.missing) });
      continue;
    }
    if (targets.some((target) => isSameModel(target, member.target))) continue;
    const reason = egressRefusal(planned.origin, member.target, leaveOf(scene), scene.settings);
    if (reason !== null) {
      leftOut.push({ ref, reason });
      continue;
    }
    targets.push(member.target);
    if (targets.length === 1 && member.target.provider.locality === 'local') planned.origin = 'local';
  }
}
