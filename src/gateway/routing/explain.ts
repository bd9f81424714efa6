import type { RecordMode } from '../../core/access.ts';
import type { Plan, Policy, PolicyRequest } from '../policy.ts';
import type { Route } from '../resolve.ts';
import type { Lanes } from './lanes.ts';
import type { LeftOut } from './scene.ts';

/** What would be asked for a model now, in which order, and who would not be. */
export interface Explanation {
  asked: string;
  /** Name of the route; null when a model was asked for. */
  route: string | null;
  /** What `routing.force` says, where that decides. */
  forced: string | null;
  /** How much would be kept. */
  record: RecordMode;
  targets: ExplainedTarget[];
  leftOut: readonly LeftOut[];
}

export interface ExplainedTarget {
  ref: string;
  locality: 'local' | 'remote';
  /** `now`: when it is its turn. `last`: after all others. `skipped`: not before `reason` is over. */
  turn: 'now' | 'last' | 'skipped';
  /** Why it is not its turn; null when it is. */
  reason: string | null;
  /** Calls that are being answered there. */
  inFlight: number;
  /** Mean time to the first piece of a stream, in ms; null when never measured. */
  firstPieceMs: number | null;
}

export interface ExplainDeps {
  policy: Pick<Policy, 'plan'>;
  lanes: Pick<Lanes, 'find'>;
}

/** Asks nobody. What a strategy would draw by chance is shown in the likeliest order. Throws as `Policy.plan`. */
export async function explain(
  { policy, lanes }: ExplainDeps,
  { asked, tags, stream }: Pick<PolicyRequest, 'asked' | 'tags' | 'stream'>,
): Promise<Explanation> {
  const plan: Plan = await policy.plan({
    asked,
    instead: null,
    unrecorded: false,
    record: 'all',
    random: () => 0.5,
    tags,
    stream: stream ?? false,
  });
  const { route, forced, record, leftOut } = plan;
  return { asked, route, forced, record, targets: plan.targets.map((target) => explained(target, lanes)), leftOut };
}

function explained({ provider, model }: Route, lanes: ExplainDeps['lanes']): ExplainedTarget {
  const seen = lanes.find(provider.name, model)?.view();
  const ref = { ref: `${provider.name}/${model}`, locality: provider.locality };
  if (!seen) return { ...ref, turn: 'now', reason: null, inFlight: 0, firstPieceMs: null };
  const { inFlight, firstPieceMs, breaker, failures, reason, resting, full } = seen;
  const rest = { inFlight, firstPieceMs };
  if (breaker === 'open') {
    return { ...ref, ...rest, turn: 'skipped', reason: `it has failed ${failures} times in a row: ${reason ?? ''}` };
  }
  if (full !== null) return { ...ref, ...rest, turn: 'skipped', reason: full };
  if (resting) return { ...ref, ...rest, turn: 'last', reason: `${provider.name} asked for patience` };
  return { ...ref, ...rest, turn: 'now', reason: null };
}
