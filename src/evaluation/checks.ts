import { createContext, runInContext } from 'node:vm';
import { RatchetError, isErrno } from '../core/errors.ts';
import type { Check } from '../core/recipe.ts';
import { chrF } from './likeness.ts';
import { mean } from './statistics.ts';
import type { EvaluationPrompt } from './prompts.ts';

/** Name of the metric that compares an answer with the learned one. */
export const likeness = 'likeness';

const maxPatternInput = 20_000;
const patternMillis = 500;

/**
 * The scores of an answer in [0, 1] by metric: the mean of the prompt's checks of that name, and `likeness` (chrF) where
 * the prompt has a reference.
 */
export function scoreAnswer(prompt: EvaluationPrompt, answer: string): Record<string, number> {
  const scores: Record<string, number> = {};
  for (const [metric, checks] of Map.groupBy(prompt.checks, (check) => check.metric)) {
    scores[metric] = mean(checks.map((check) => (passes(check, answer) ? 1 : 0)));
  }
  if (prompt.reference !== null) scores[likeness] = chrF(answer, prompt.reference);
  return scores;
}

/** Whether an answer passes a check. Throws InvalidInput for a pattern that does not compile or takes too long. */
export function passes(check: Check, answer: string): boolean {
  if (check.kind === 'regex') return matches(check, answer);
  const [text, value] = check.ignore_case ? [fold(answer), fold(check.value)] : [answer, check.value];
  return text.includes(value);
}

function fold(text: string): string {
  return text.normalize('NFC').toLowerCase();
}

/** In a context of its own, since only there can a pattern that backtracks for ever be stopped. */
function matches(check: Extract<Check, { kind: 'regex' }>, answer: string): boolean {
  const { pattern, flags } = check;
  const context = createContext({ pattern, flags, text: answer.slice(0, maxPatternInput) });
  try {
    return runInContext('new RegExp(pattern, flags + "u").test(text)', context, { timeout: patternMillis }) === true;
  } catch (cause) {
    const why = isErrno(cause, 'ERR_SCRIPT_EXECUTION_TIMEOUT') ? 'takes too long' : 'is not valid';
    throw new RatchetError(
      'InvalidInput',
      `The pattern /${pattern}/${flags} of "${check.metric}" ${why}: simplify it.`,
      {
        cause,
      },
    );
  }
}
