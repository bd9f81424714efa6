import type { StepInput } from '../core/cycle.ts';
import type { Evaluation } from '../core/evaluation.ts';
import { type GpuLease, heldBy } from '../core/gpu.ts';
import type { Recipe } from '../core/recipe.ts';
import { refuseRedacted } from '../dataset/forget/redacted.ts';
import { datasetFolder } from '../dataset/write.ts';
import { evaluate } from '../evaluation/evaluate.ts';
import { gate } from '../evaluation/gate.ts';
import type { ActivityDeps } from './deps.ts';
import { mergeWhereSlow } from './merge.ts';
import { finished } from './outputs.ts';
import { type StepWork, stepActivity } from './step.ts';
import type { StepActivities } from './types.ts';

/** Evaluate, gate and promote: from a served candidate to the selection, if the evidence says so. */
export function createJudgingSteps(deps: ActivityDeps): Pick<StepActivities, 'evaluate' | 'gate' | 'promote'> {
  return {
    evaluate: stepActivity(deps, 'evaluate', (work) => evaluateCandidate(deps, work)),
    gate: stepActivity(deps, 'gate', (work) => decide(deps, work)),
    promote: stepActivity(deps, 'promote', (work) => promote(deps, work)),
  };
}

/**
 * The opponent is what is selected when the evaluation begins; `promote` makes sure that it still is. A remote one is not
 * asked: the prompts come from chats that stayed here, so the base stands in, and a person decides. It stands in as well
 * for a candidate that is selected already, which cannot be better than itself.
 */
async function evaluateCandidate(deps: ActivityDeps, { input, recipe, signal, report }: StepWork) {
  const built = finished(input, 'build');
  await refuseRedacted(deps.store, built.dataset);
  const lease = deps.gpu.holder();
  if (lease && lease.cycleId !== input.cycleId) report({ message: onCpuMessage(lease) }, 'warning');
  const base = await deps.serveBase(input.base, signal);
  const selected = await deps.selected();
  const candidate = finished(input, 'import').served;
  const opponent = selected?.local && selected.ref !== candidate ? selected.ref : base;
  const { digest, n } = await evaluate(
    { ask: deps.ask, blobs: deps.store.blobs },
    {
      evaluate: recipe.evaluate,
      datasetFolder: datasetFolder(deps.datasetsDir, built.name, built.dataset),
      served: { candidate, base, opponent },
      signal,
      onProgress: (progress) => report({ ...progress }),
    },
  );
  try {
    await refuseRedacted(deps.store, built.dataset);
  } catch (error) {
    await deps.store.blobs.erase(digest);
    throw error;
  }
  return { evaluation: digest, n };
}

function onCpuMessage(lease: GpuLease): string {
  return (
    `The GPU of ${lease.host} is ${heldBy(lease, Date.now())}: ` +
    'models that fit the memory answer on the CPU meanwhile, and others are waited for.'
  );
}

async function decide(deps: ActivityDeps, { input, recipe }: StepWork) {
  const { blobs, models } = deps.store;
  const evaluation = await blobs.getJson<Evaluation>(finished(input, 'evaluate').evaluation);
  const { baseLoss, candidateLoss } = finished(input, 'validate');
  const loss = baseLoss === null || candidateLoss === null ? null : { base: baseLoss, candidate: candidateLoss };
  const found = gate(evaluation, loss, recipe.gate);
  const evidence = await blobs.putJson(found);
  const metrics = { loss, means: evaluation.means, decision: found.decision, evidence };
  await models.setMetrics(finished(input, 'import').modelVersion, metrics);
  const approval = (await needsPerson(deps, input, recipe)) ? ('person' as const) : ('auto' as const);
  return { decision: found.decision, evidence, reason: found.reason, approval };
}

/** A person decides when the recipe says so, or when what is selected is not a model of this base. */
async function needsPerson(deps: ActivityDeps, input: StepInput, recipe: Recipe): Promise<boolean> {
  if (recipe.promote === 'manual') return true;
  const selected = await deps.selected();
  if (selected === null) return false;
  const version = await deps.store.models.byServed(selected.ref);
  const evaluation = await deps.store.blobs.getJson<Evaluation>(finished(input, 'evaluate').evaluation);
  return selected.ref !== evaluation.served.base && version?.base !== input.base;
}

async function promote(deps: ActivityDeps, work: StepWork) {
  const { input } = work;
  const { evidence, approval } = finished(input, 'gate');
  await refuseRedacted(deps.store, finished(input, 'build').dataset);
  await mergeWhereSlow(deps, work);
  await refuseRedacted(deps.store, finished(input, 'build').dataset);
  const { served } = await deps.store.blobs.getJson<Evaluation>(finished(input, 'evaluate').evaluation);
  const selected = await deps.selected();
  // A remote selection was not asked, and nothing selected has no opponent: a person, or nobody, stands in its way.
  const opponent = approval === 'person' || selected === null ? null : served.opponent;
  const { promotion, changed } = await deps.promote({
    modelVersion: finished(input, 'import').modelVersion,
    opponent,
    actor: input.approvedBy ?? 'cycle',
    cycleId: input.cycleId,
    evidence,
  });
  const reason = changed
    ? `${served.candidate} is active now.`
    : `${served.candidate} was active already: it is the same model.`;
  return { promoted: true, promotion, reason };
}
