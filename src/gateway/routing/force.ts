import { RatchetError } from '../../core/errors.ts';
import type { Route } from '../resolve.ts';
import { egressRefusal } from './egress.ts';
import { setUpError } from './members.ts';
import type { Planned, Scene } from './scene.ts';
import { leaveOf } from './scene.ts';

/**
 * Where `routing.force` sends a call: a model ref to that model, a provider's name to its model of the name that was asked
 * for. Conflict when what was asked for, or what nobody knows, would leave this machine without leave.
 */
export function forcedTarget(force: string, asked: Planned, scene: Scene): Route {
  const [first] = asked.targets;
  const target = targetOf(force, first?.model ?? scene.request.asked, scene);
  const leave =
    scene.settings.routing.egress === 'allow' ? { ...leaveOf(scene), egress: 'allow' as const } : leaveOf(scene);
  const reason = egressRefusal(asked.origin, target, leave, scene.settings);
  if (reason === null) return target;
  const message = `routing.force sends every call to ${force}, and it was not asked: ${reason}.`;
  throw new RatchetError('Conflict', message, { details: { httpStatus: 403 } });
}

function targetOf(force: string, model: string, { deps: { resolver } }: Scene): Route {
  const target = resolver.find(force) ?? resolver.find(`${force}/${model}`);
  const error = target ? setUpError(target) : unknown(force);
  if (target && !error) return target;
  throw new RatchetError('ProviderRejected', `routing.force names ${force}: ${error?.message ?? ''}`, {
    ...(error && { cause: error, details: error.details }),
  });
}

function unknown(force: string): RatchetError {
  return new RatchetError('NotFound', `there is no provider "${force}": GET /api/providers lists them.`);
}
