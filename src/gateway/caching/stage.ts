import type { Plan } from '../policy.ts';
import type { Call } from '../ports.ts';
import type { Asked } from '../routing/once.ts';
import { type AnswerCache, type CacheQuestion, cacheProvider } from './cache.ts';

/** What the cache has to say of one call that asks for it. */
export interface CacheStage {
  /** The answer that is given again, as one of the cache's own provider; null where a model has to be asked. */
  hit: { plan: Plan; asked: Asked } | null;
  /** Lets the answer be given again, which came from the first model of the plan. */
  keep(completionId: string): Promise<void>;
}

/** Looks for an answer to give again; null for the calls that ask for no cache, or of which not all is recorded. */
export async function cacheStage(
  cache: AnswerCache | null,
  owner: string,
  call: Call,
  plan: Plan,
): Promise<CacheStage | null> {
  const { cacheSeconds } = call;
  const [target] = plan.targets;
  if (!cache || cacheSeconds === undefined || plan.record !== 'all' || !target) return null;
  const question: CacheQuestion = { owner, target, call };
  const whole = cacheSeconds === 0 ? null : await cache.find(question, cacheSeconds);
  return {
    hit: whole && {
      plan: { ...plan, targets: [{ provider: cacheProvider, model: target.model }], spared: null },
      asked: { kind: 'whole', whole },
    },
    keep: (completionId) => cache.keep(question, completionId),
  };
}
