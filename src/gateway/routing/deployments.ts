import type { Deployment } from '../../core/settings.ts';
import type { Route } from '../resolve.ts';
import { egressRefusal } from './egress.ts';
import { deploymentsOf, findMember } from './members.ts';
import { type LeftOut, type NamedRoute, type Planned, type Scene, clauseOf, leaveOf, whoNames } from './scene.ts';
import { type Candidate, type Standing, inOrder } from './strategy.ts';
import { tagsOf } from './tags.ts';

/** The models of a route that are as good as each other, in the order of its strategy. */
export function planDeployments(route: NamedRoute, origin: 'local' | 'remote', scene: Scene): Planned {
  const { deps, request } = scene;
  const deployments = deploymentsOf(route);
  const leftOut: LeftOut[] = [];
  const candidates: Candidate[] = [];
  const tags = deployments.some((one) => one.tags.length > 0) ? tagsOf(request.tags, request.envelope) : [];
  for (const deployment of deployments) {
    const found = candidateOf(deployment, { tags, origin, scene });
    if ('reason' in found) leftOut.push(found);
    else candidates.push(found);
  }
  const random = request.random ?? deps.random ?? Math.random;
  const ordered = inOrder(candidates, route.strategy ?? 'order', standingOf(scene), random);
  const first = ordered[0]?.target.provider.locality ?? origin;
  return {
    origin: first === 'local' ? 'local' : origin,
    targets: keepHere(ordered, leftOut, scene),
    leftOut,
  };
}

interface Fit {
  tags: readonly string[];
  origin: 'local' | 'remote';
  scene: Scene;
}

function candidateOf(deployment: Deployment, { tags, origin, scene }: Fit): Candidate | LeftOut {
  const { model: ref } = deployment;
  const member = findMember(ref, whoNames(scene), scene.deps.resolver);
  if ('missing' in member) return { ref, reason: clauseOf(member.missing) };
  const { target } = member;
  const reason = tagRefusal(tags, deployment.tags) ?? egressRefusal(origin, target, leaveOf(scene), scene.settings);
  return reason === null ? { target, deployment } : { ref, reason };
}

function tagRefusal(tags: readonly string[], has: readonly string[]): string | null {
  if (tags.length === 0 || tags.some((tag) => has.includes(tag))) return null;
  return `it has none of the tags ${tags.join(', ')}`;
}

/** What a strategy has put behind a local model would be asked in its place, so it needs the same leave. */
function keepHere(ordered: readonly Candidate[], leftOut: LeftOut[], scene: Scene): Route[] {
  const origin = ordered[0]?.target.provider.locality ?? 'remote';
  return ordered.flatMap(({ target, deployment }) => {
    const reason = egressRefusal(origin, target, leaveOf(scene), scene.settings);
    if (reason === null) return [target];
    leftOut.push({ ref: deployment.model, reason });
    return [];
  });
}

function standingOf({ deps: { lanes, price }, request }: Scene): Standing {
  const laneOf = ({ provider, model }: Route) => lanes?.of(provider.name, model);
  return {
    inFlight: (target) => laneOf(target)?.inFlight ?? 0,
    tokens: (target) => laneOf(target)?.tokensLately() ?? 0,
    latency: (target) => laneOf(target)?.latency(request.stream ?? false) ?? null,
    price: (target) => price?.(target) ?? null,
  };
}
