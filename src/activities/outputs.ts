import type { StepInput, StepName, StepOutputs } from '../core/cycle.ts';
import { RatchetError } from '../core/errors.ts';

/** The output of a step that must have run before. */
export function finished<S extends StepName>(input: StepInput, step: S): StepOutputs[S] {
  const output: StepOutputs[S] | undefined = input.outputs[step];
  if (output === undefined) {
    throw new RatchetError('Bug', `The step ${step} has no output: retry the cycle from ${step}.`);
  }
  return output;
}
