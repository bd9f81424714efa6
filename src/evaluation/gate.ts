import type { GateDecision } from '../core/cycle.ts';
import { RatchetError } from '../core/errors.ts';
import type { Comparison, Evaluation, GateEvidence } from '../core/evaluation.ts';
import type { Recipe } from '../core/recipe.ts';
import { likeness } from './checks.ts';
import { roleOf } from './evaluate.ts';
import { comparePaired } from './statistics.ts';

/** Losses on the held-out rows, in nats per learned token; null when there were no such rows. */
export type HeldOutLoss = GateEvidence['loss'];

type Rules = Recipe['gate'];
type Verdict = { decision: GateDecision; reason: string };

/**
 * Decides whether the candidate is better, from what was measured alone.
 *
 * It passes when its held-out loss is below the base's, it beats base and opponent significantly on the primary metric, and
 * no other metric's mean falls by more than `max_drop`. It fails when one of these turned out the wrong way. Too few
 * prompts, or a difference that chance explains, is not enough evidence. Without held-out rows the answers decide alone.
 *
 * Throws InvalidInput when the recipe does not say which of several metrics decides.
 */
export function gate(evaluation: Evaluation, loss: HeldOutLoss | null, rules: Rules, seed = 1): GateEvidence {
  const metric = primaryMetric(evaluation, rules);
  const comparisons = compareAll(evaluation, metric, seed);
  return { schema: 1, ...decide(evaluation, loss, rules, metric, comparisons), metric, loss, comparisons };
}

/** The metric that decides: the one that is named, else the only one, else `likeness`. */
export function primaryMetric(evaluation: Evaluation, rules: Rules): string {
  const metrics = Object.keys(evaluation.means.candidate ?? {}).sort();
  if (rules.metric !== null && metrics.includes(rules.metric)) return rules.metric;
  const names = metrics.join(', ');
  if (rules.metric !== null) {
    throw new RatchetError(
      'InvalidInput',
      `The gate's metric "${rules.metric}" was not measured: set gate.metric to one of ${names}.`,
    );
  }
  if (metrics.length === 1 && metrics[0] !== undefined) return metrics[0];
  if (metrics.includes(likeness)) return likeness;
  throw new RatchetError(
    'InvalidInput',
    `Several metrics were measured (${names}): set gate.metric to the one in which the candidate must be better.`,
  );
}

function compareAll(evaluation: Evaluation, primary: string, seed: number): Comparison[] {
  const metrics = Object.keys(evaluation.means.candidate ?? {}).sort();
  const ordered = [primary, ...metrics.filter((metric) => metric !== primary)];
  const rivals = (['base', 'opponent'] as const).filter((role) => roleOf(evaluation.served, role) === role);
  return ordered.flatMap((metric) => rivals.map((against) => compareOn(evaluation, metric, against, seed)));
}

function compareOn(evaluation: Evaluation, metric: string, against: Comparison['against'], seed: number): Comparison {
  const candidate: number[] = [];
  const other: number[] = [];
  for (const [index, answer] of (evaluation.answers.candidate ?? []).entries()) {
    const ours = answer.scores[metric];
    const theirs = evaluation.answers[against]?.[index]?.scores[metric];
    if (ours === undefined || theirs === undefined) continue;
    candidate.push(ours);
    other.push(theirs);
  }
  return { against, metric, ...comparePaired(candidate, other, seed) };
}

function decide(
  { served }: Evaluation,
  loss: HeldOutLoss | null,
  rules: Rules,
  metric: string,
  comparisons: readonly Comparison[],
): Verdict {
  const primary = comparisons.filter((comparison) => comparison.metric === metric);
  const guards = comparisons.filter((comparison) => comparison.metric !== metric);
  if (loss !== null && !(loss.candidate < loss.base)) {
    const figures = `${loss.candidate.toFixed(4)} against ${loss.base.toFixed(4)}`;
    return { decision: 'fail', reason: `The held-out loss is not below the base's: ${figures} nats per token.` };
  }
  if (served.candidate === served.opponent) {
    return { decision: 'not_enough_evidence', reason: 'The candidate is the model that is selected already.' };
  }
  const n = Math.min(...primary.map((comparison) => comparison.n));
  if (n < rules.min_prompts) {
    const reason = `Only ${n} prompts were answered for ${metric}, and the gate needs ${rules.min_prompts}.`;
    return { decision: 'not_enough_evidence', reason };
  }
  return decideOnScores(rules, primary, guards);
}

function decideOnScores(rules: Rules, primary: readonly Comparison[], guards: readonly Comparison[]): Verdict {
  const worse = primary.find(({ p, difference }) => p < rules.alpha && difference < 0);
  if (worse) return { decision: 'fail', reason: `The candidate is worse: ${describe(worse)}.` };
  const dropped = guards.find(({ difference }) => -difference > rules.max_drop);
  if (dropped) {
    const allowed = `more than the ${percent(rules.max_drop)} allowed`;
    return { decision: 'fail', reason: `${dropped.metric} fell by ${allowed}: ${describe(dropped)}.` };
  }
  const unclear = primary.find(({ p, difference }) => !(p < rules.alpha && difference > 0));
  if (unclear) {
    return { decision: 'not_enough_evidence', reason: `The difference may be chance: ${describe(unclear)}.` };
  }
  return { decision: 'pass', reason: `The candidate is better: ${primary.map(describe).join('; ')}.` };
}

function describe({ metric, candidate, other, against, difference, interval, p, n }: Comparison): string {
  const [low, high] = interval;
  return (
    `${metric} ${percent(candidate)} against ${percent(other)} of the ${against}, ${points(difference)} points ` +
    `(95 % interval ${points(low)} to ${points(high)}), p ${formatP(p)}, ${n} prompts`
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function points(share: number): string {
  return (100 * share).toFixed(1);
}

function formatP(p: number): string {
  return p < 0.001 ? '< 0.001' : `= ${p.toFixed(3)}`;
}
