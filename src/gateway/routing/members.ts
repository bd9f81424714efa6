import { RatchetError, asRatchetError } from '../../core/errors.ts';
import type { Deployment, RouteSettings } from '../../core/settings.ts';
import type { Resolver, Route } from '../resolve.ts';

/** A model that settings name, or why it cannot be asked. */
export type Member = { ref: string; target: Route } | { ref: string; missing: RatchetError };

/** Finds a model that settings name; `who` begins the sentence that says what is wrong: `The route "r"`. */
export function findMember(ref: string, who: string, resolver: Pick<Resolver, 'find'>): Member {
  try {
    const target = resolver.find(ref);
    if (!target) {
      const message = `${who} names ${ref}, whose provider is not set up: GET /api/providers lists them.`;
      return { ref, missing: new RatchetError('NotFound', message) };
    }
    const missing = setUpError(target);
    return missing ? { ref, missing } : { ref, target };
  } catch (error) {
    return { ref, missing: asRatchetError(error) };
  }
}

/** Why a provider cannot be asked yet, with what to do; null when it can. */
export function setUpError({ provider, apiKey }: Route): RatchetError | null {
  // A key that comes along is all that is missing, as a rule.
  if (apiKey !== undefined) return null;
  const setUp = provider.setUp();
  if (setUp.state !== 'missing') return null;
  const message = `${provider.name} is not set up: ${setUp.hint}.`;
  return new RatchetError('ProviderRejected', message, { details: { provider: provider.name } });
}

/** Models that are as good as each other: `model` is the first, unless it is among the others with a weight or tags. */
export function deploymentsOf({ model, deployments = [] }: RouteSettings): readonly Deployment[] {
  if (deployments.some((deployment) => deployment.model === model)) return deployments;
  return [{ model, weight: 1, tags: [] }, ...deployments];
}
