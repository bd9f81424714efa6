import type { Ability } from '../core/capabilities.ts';
import { RatchetError } from '../core/errors.ts';
import type { CompletionKind } from '../store/types.ts';
import type { Capabilities } from './capabilities.ts';
import { type Need, leastTokens, needsOf, roughTokens } from './capabilities-needs.ts';
import { type LeftOut, type Plan, tellLeftOut } from './policy.ts';
import type { Call } from './ports.ts';
import type { Route } from './resolve.ts';

/**
 * Leaves out of a plan whoever is known to lack what the request needs. InvalidInput, or NotFound for embeddings, when that
 * leaves nobody. The same plan comes back when nobody is left out, and nothing of the request is looked at when nobody is
 * known to lack anything.
 */
export type FitPlan = (plan: Plan, call: Call, kind: CompletionKind) => Plan;

/** How many models are named as able. */
const mostNamed = 3;

type Lack = { need: Need } | { tokens: number; context: number };

/** Creates the check of plans against what is known of models. */
export function createFit(capabilities: Capabilities): FitPlan {
  return (plan, call, kind) => {
    let needs: Need[] | null = null;
    const lackOf = ({ provider, model }: Route): Lack | null => {
      const { lacks, context } = capabilities.facts(provider, model);
      if (lacks.length > 0) {
        needs ??= needsOf(call, kind);
        const need = needs.find(({ ability }) => lacks.includes(ability));
        if (need) return { need };
      }
      return context === undefined ? null : tooLong(call, context);
    };
    const lacking: { target: Route; lack: Lack }[] = [];
    for (const target of plan.targets) {
      const lack = lackOf(target);
      if (lack) lacking.push({ target, lack });
    }
    const [first] = lacking;
    if (!first) return plan;
    const leftOut = lacking.map(({ target, lack }): LeftOut => ({ ref: refOf(target), reason: reasonOf(lack) }));
    const targets = plan.targets.filter((target) => lacking.every((other) => other.target !== target));
    if (targets.length > 0) return { ...plan, targets, leftOut: [...plan.leftOut, ...leftOut] };
    const error = refusal(first.target, first.lack, needs ?? needsOf(call, kind), capabilities);
    throw tellLeftOut(error, { leftOut: [...leftOut.slice(1), ...plan.leftOut] });
  };
}

/** A prompt is measured only where a look at its length does not show already that it fits. */
function tooLong(call: Call, context: number): Lack | null {
  if (roughTokens(call) <= context) return null;
  const tokens = leastTokens(call);
  return tokens > context ? { tokens, context } : null;
}

function refusal(target: Route, lack: Lack, needs: readonly Need[], capabilities: Capabilities): RatchetError {
  const needed = needs.map(({ ability }) => ability);
  const able = capabilities.able(needed, 'tokens' in lack ? lack.tokens : 0).slice(0, mostNamed);
  const message = `${refOf(target)} ${reasonOf(lack)}: ${adviceOf(lack, able)}.`;
  if (!('need' in lack)) return new RatchetError('InvalidInput', message, { details: { param: 'messages', able } });
  const { ability, param } = lack.need;
  // OpenAI answers so when a model has no such route.
  const code = ability === 'embeddings' ? 'NotFound' : 'InvalidInput';
  return new RatchetError(code, message, { details: { param, able } });
}

function adviceOf(lack: Lack, able: readonly string[]): string {
  const shorter = 'tokens' in lack ? 'shorten it, or ' : '';
  if (able.length === 0) return `${shorter}ask another model; none that is listed is known to do it`;
  const [last, ...others] = able.toReversed();
  const names = others.length === 0 ? last : `${others.toReversed().join(', ')} or ${last}`;
  return `${shorter}ask ${names}, which can`;
}

const cannot: Readonly<Record<Ability, string>> = {
  chat: 'does not chat',
  stream: 'does not stream',
  tools: 'cannot call tools',
  vision: 'cannot see pictures',
  json: 'cannot keep its answers to JSON',
  embeddings: 'makes no embeddings',
};

/** The middle of the sentence is what clients of OpenAI, and LiteLLM, know a prompt that is too long by. */
function reasonOf(lack: Lack): string {
  if ('need' in lack) return cannot[lack.need.ability];
  return `cannot take this prompt, since this model's maximum context length is ${lack.context} tokens and the prompt has ${lack.tokens} at least`;
}

function refOf({ provider, model }: Route): string {
  return `${provider.name}/${model}`;
}
