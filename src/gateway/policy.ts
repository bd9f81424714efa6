import { type RecordMode, strictest } from '../core/access.ts';
import { RatchetError, asRatchetError } from '../core/errors.ts';
import type { RouteSettings, Settings } from '../core/settings.ts';
import type { Provider } from '../providers/types.ts';
import type { Resolver, Route } from './resolve.ts';

/** What the policy has to know of a request. */
export interface PolicyRequest {
  /** The model as asked for. */
  asked: string;
  /** The model to ask in its place, because a budget is spent. */
  instead: string | null;
  /** `store: false` was sent. */
  unrecorded: boolean;
  /** What the key lets be recorded. */
  record: RecordMode;
}

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
  /** Models of the route that are not asked, with the reason. */
  leftOut: readonly LeftOut[];
}

export interface LeftOut {
  ref: string;
  /** A clause: it goes on after "… was not asked: ". */
  reason: string;
}

export interface Policy {
  /** Names that clients can ask for as models, in the order of the file. */
  routes(): string[];
  /**
   * Decides one request. It waits for nobody unless a bare model name has to be looked up.
   *
   * Throws NotFound when what was asked for does not exist, and BudgetSpent when the model that a budget falls back to may
   * not be asked in its place.
   */
  plan(request: PolicyRequest, signal: AbortSignal): Promise<Plan>;
}

export interface PolicyDeps {
  settings: () => Settings;
  resolver: Pick<Resolver, 'find' | 'resolve'>;
}

/** Creates the policy: what `ratchet.json` says about routes and providers, applied to one request. */
export function createPolicy({ settings, resolver }: PolicyDeps): Policy {
  return {
    routes: () => [...settings().routes.keys()],
    async plan(request, signal) {
      const current = settings();
      const route = current.routes.get(request.asked);
      const named: Named | null = route ? { ...route, name: request.asked } : null;
      const planned = named
        ? planRoute(named, current, resolver)
        : { targets: [await resolver.resolve(request.asked, signal)], leftOut: [] };
      const { targets, leftOut } =
        request.instead === null
          ? planned
          : { targets: [replace(planned.targets, request.instead, named, current, resolver)], leftOut: [] };
      const record = strictest([
        request.unrecorded ? 'meta' : 'all',
        request.record,
        named?.record ?? 'all',
        ...targets.map(({ provider }) => current.providers.get(provider.name)?.record ?? 'all'),
      ]);
      const spared = request.instead === null ? null : sparedBy(planned.targets, targets);
      return { targets, spared, leftOut, record, route: named?.name ?? null };
    },
  };
}

/** Adds to the error of a chat that nobody answered which models were not asked, and why. */
export function tellLeftOut(error: RatchetError, { leftOut }: Pick<Plan, 'leftOut'>): RatchetError {
  if (leftOut.length === 0) return error;
  const told = leftOut.map(({ ref, reason }) => `${ref} was not asked: ${reason}.`).join(' ');
  const said = /[.!?]$/.test(error.message) ? error.message : `${error.message}.`;
  return new RatchetError(error.code, `${said} ${told}`, { cause: error, details: error.details });
}

type Finder = Pick<Resolver, 'find'>;
type Named = RouteSettings & { name: string };
type Member = { ref: string; target: Route } | { ref: string; missing: RatchetError };

function planRoute(route: Named, settings: Settings, resolver: Finder): { targets: Route[]; leftOut: LeftOut[] } {
  const first = findMember(route.model, route, resolver);
  const members = [first, ...route.fallback.map((ref) => findMember(ref, route, resolver))];
  // What cannot be found may have been a local model.
  const origin = 'target' in first ? first.target.provider.locality : 'local';
  const targets: Route[] = [];
  const leftOut: LeftOut[] = [];
  for (const member of members) {
    const reason =
      'missing' in member
        ? member.missing.message.replace(/\.$/, '')
        : member !== first && refusal(origin, member.target, route, settings);
    if (reason) leftOut.push({ ref: member.ref, reason });
    else if ('target' in member) targets.push(member.target);
  }
  if ('missing' in first && targets.length === 0) throw tellLeftOut(first.missing, { leftOut: leftOut.slice(1) });
  return { targets, leftOut };
}

function findMember(ref: string, { name }: Named, resolver: Finder): Member {
  try {
    const target = resolver.find(ref);
    if (target) return { ref, target };
    const message = `The route "${name}" names ${ref}, whose provider is not set up: GET /api/providers lists them.`;
    return { ref, missing: new RatchetError('NotFound', message) };
  } catch (error) {
    return { ref, missing: asRatchetError(error) };
  }
}

/** Why a model may not be asked in place of one of `origin`; null when it may. */
function refusal(
  origin: Provider['locality'],
  { provider }: Route,
  route: Named | null,
  settings: Settings,
): string | null {
  if (origin === 'remote' || provider.locality === 'local') return null;
  if (route?.egress !== 'allow') {
    return route
      ? `the route ${route.name} keeps chats on this machine`
      : 'chats with local models stay on this machine';
  }
  const denied = settings.providers.get(provider.name)?.egress === 'deny';
  return denied ? `${provider.name} is never asked in place of a local model` : null;
}

function sparedBy([wanted]: readonly Route[], [asked]: readonly Route[]): Route | null {
  const same = wanted?.provider === asked?.provider && wanted?.model === asked?.model;
  return same ? null : (wanted ?? null);
}

/** The one model that is asked when a budget is spent: its rules are those of a fallback. */
function replace(
  planned: readonly Route[],
  instead: string,
  route: Named | null,
  settings: Settings,
  resolver: Finder,
): Route {
  const target = resolver.find(instead);
  const origin = planned[0]?.provider.locality ?? 'local';
  const reason = target ? refusal(origin, target, route, settings) : 'no provider of that name is set up';
  if (target && reason === null) return target;
  const message = `The budget is spent, and ${instead}, which is to be asked instead, was not: ${reason}.`;
  throw new RatchetError('BudgetSpent', message);
}
