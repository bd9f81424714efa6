import type { Settings } from '../../core/settings.ts';
import type { Provider } from '../../providers/types.ts';
import type { Route } from '../resolve.ts';

/** Who lets remote models be asked in place of local ones. */
export interface Leave {
  egress: 'allow' | 'deny';
  /** Name of the route; null where `routing` decides. */
  route: string | null;
}

/** Why a model may not be asked in place of one of `origin`, as a clause; null when it may. */
export function egressRefusal(
  origin: Provider['locality'],
  { provider }: Route,
  leave: Leave,
  settings: Settings,
): string | null {
  if (origin === 'remote' || provider.locality === 'local') return null;
  if (leave.egress !== 'allow') {
    return leave.route === null
      ? 'chats with local models stay on this machine'
      : `the route ${leave.route} keeps chats on this machine`;
  }
  const denied = settings.providers.get(provider.name)?.egress === 'deny';
  return denied ? `${provider.name} is never asked in place of a local model` : null;
}
