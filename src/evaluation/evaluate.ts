import type { Evaluation, ScoredAnswer } from '../core/evaluation.ts';
import type { Recipe } from '../core/recipe.ts';
import type { BlobStore } from '../store/types.ts';
import { type Ask, answerPrompts } from './answer.ts';
import { scoreAnswer } from './checks.ts';
import { type PromptSet, loadPrompts } from './prompts.ts';
import { mean } from './statistics.ts';

/** The models of an evaluation as model refs. The same ref in two roles is asked once. */
export type Served = Evaluation['served'];

export interface EvaluateDeps {
  ask: Ask;
  blobs: BlobStore;
}

export interface EvaluateRequest {
  evaluate: Recipe['evaluate'];
  /** Folder of the dataset version, for its test split. */
  datasetFolder: string;
  served: Served;
  signal: AbortSignal;
  onProgress?: (progress: { done: number; total: number; model: string }) => void;
}

/** Order in which the roles are asked, one model after another, so that each is loaded once. */
export const roles = ['candidate', 'base', 'opponent'] as const;

/**
 * Asks candidate, base and opponent the same prompts through what serves them, scores the answers, and stores the
 * evaluation as a blob. `answers` and `means` are keyed by role; a role whose model was asked already has no entry.
 */
export async function evaluate(
  deps: EvaluateDeps,
  request: EvaluateRequest,
): Promise<{ evaluation: Evaluation; digest: string; n: number }> {
  const set = await loadPrompts(request.evaluate, request.datasetFolder);
  const distinct = roles.filter((role) => roleOf(request.served, role) === role);
  const evaluation: Evaluation = {
    schema: 1,
    source: set.source,
    prompts: set.prompts.map(({ id }) => id),
    served: request.served,
    answers: {},
    means: {},
  };
  for (const [position, role] of distinct.entries()) {
    const answers = await answerRole(deps, request, set, role, { position, models: distinct.length });
    evaluation.answers[role] = answers;
    evaluation.means[role] = meansOf(answers);
  }
  const digest = await deps.blobs.putJson(evaluation);
  return { evaluation, digest, n: set.prompts.length };
}

/** The role under which a role's answers stand: the first that has the same model. */
export function roleOf(served: Served, role: keyof Served): keyof Served {
  return roles.find((earlier) => served[earlier] === served[role]) ?? role;
}

async function answerRole(
  deps: EvaluateDeps,
  request: EvaluateRequest,
  { prompts }: PromptSet,
  role: keyof Served,
  { position, models }: { position: number; models: number },
): Promise<ScoredAnswer[]> {
  const model = request.served[role];
  const total = prompts.length * models;
  const texts = await answerPrompts({
    ask: deps.ask,
    model,
    prompts,
    seed: request.evaluate.seed,
    maxTokens: request.evaluate.max_tokens,
    concurrency: request.evaluate.concurrency,
    signal: request.signal,
    onAnswer: (done) => request.onProgress?.({ done: position * prompts.length + done, total, model }),
  });
  return prompts.map((prompt, index) => {
    const text = texts[index] ?? '';
    return { text, scores: scoreAnswer(prompt, text) };
  });
}

function meansOf(answers: readonly ScoredAnswer[]): Record<string, number> {
  const values = new Map<string, number[]>();
  for (const { scores } of answers) {
    for (const [metric, score] of Object.entries(scores)) values.set(metric, [...(values.get(metric) ?? []), score]);
  }
  return Object.fromEntries([...values].map(([metric, scores]) => [metric, mean(scores)]));
}
