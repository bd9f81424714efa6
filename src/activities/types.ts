import type { Attention, CycleResult, CycleState, StepInput, StepName, StepOutputs } from '../core/cycle.ts';

/** One activity per step, by the step's name. */
export type StepActivities = { [S in StepName]: (input: StepInput) => Promise<StepOutputs[S]> };

/** What changed in a cycle, for the record. */
export interface StateNote {
  cycleId: string;
  base: string;
  state: CycleState;
  step: StepName | null;
  attention: Attention | null;
  result: CycleResult | null;
  /** Give the base's turn, or the place in line, to the next. */
  release: boolean;
}

/** The activities that keep the record beside the steps. */
export interface BookkeepingActivities {
  /** Waits in line for the base; resolves when this cycle holds the turn. */
  takeTurn(input: { cycleId: string; base: string }): Promise<void>;
  /** Gives the id of the workflow's run, which a reset changes. */
  noteState(note: StateNote): Promise<{ runId: string }>;
  /** Merges a patch into a recipe and stores it; InvalidInput names what is wrong with the patch. */
  patchRecipe(input: { cycleId: string; recipe: string; patch: Record<string, unknown> }): Promise<{ recipe: string }>;
  /** Whether an abort is meant for this run: false when the same update came to the run before a reset. */
  admitAbort(input: { cycleId: string; update: string }): Promise<boolean>;
}
