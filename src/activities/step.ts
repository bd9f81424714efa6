import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import { type CycleEvent, type StepInput, type StepName, type StepOutputs, withoutEnd } from '../core/cycle.ts';
import type { Recipe } from '../core/recipe.ts';
import { appendEvent } from '../store/event-log.ts';
import type { Store } from '../store/types.ts';
import { asFailure, summarize } from './boundary.ts';
import { holdTurn } from './turn.ts';

/** How often a step shows the server that its worker lives, in ms. A hung child is the business of the stall limit. */
const beatMs = 1000;

export interface StepDeps {
  store: Store;
  dataDir: string;
}

/** What a step's work is given. */
export interface StepWork {
  input: StepInput;
  recipe: Recipe;
  signal: AbortSignal;
  /** Writes one line of progress to the cycle's event log. */
  report: (data: Record<string, unknown>, kind?: CycleEvent['kind']) => void;
}

/**
 * The activity of a step around its work: takes the base's turn, finds what an earlier attempt finished, keeps the
 * record, beats, and turns errors into failures.
 */
export function stepActivity<S extends StepName>(
  deps: StepDeps,
  step: S,
  work: (work: StepWork) => Promise<StepOutputs[S]>,
): (input: StepInput) => Promise<StepOutputs[S]> {
  return (input) => beating(() => perform(deps, step, input, work));
}

/** Runs an activity that beats, and whose errors are failures that Temporal understands. */
export async function beating<T>(body: () => Promise<T>, failure = asFailure): Promise<T> {
  const signal = cancellationSignal();
  const timer = setInterval(() => heartbeat(), beatMs);
  try {
    return await body();
  } catch (error) {
    // Any other error would turn a cancel into a failure.
    if (signal.aborted) throw signal.reason;
    throw failure(error);
  } finally {
    clearInterval(timer);
  }
}

async function perform<S extends StepName>(
  deps: StepDeps,
  step: S,
  input: StepInput,
  work: (work: StepWork) => Promise<StepOutputs[S]>,
): Promise<StepOutputs[S]> {
  const { cycles, blobs } = deps.store;
  const signal = cancellationSignal();
  const done = await cycles.stepByKey(input.key);
  if (done?.state === 'done') return done.output as unknown as StepOutputs[S];
  await holdTurn(deps.store, { ...input, step }, signal);
  const { report, written } = reporter(deps, input.cycleId, step);
  // The cycle runs before its step does: nobody is to read of a step that runs in a cycle that is over.
  await goOn(deps, step, input, report);
  const record = await cycles.beginStep(input.cycleId, step, input.key);
  report({ state: 'running', attempt: record.attempt }, 'step');
  try {
    const recipe = await blobs.getJson<Recipe>(input.recipe);
    const output = await work({ input, recipe, signal, report });
    await cycles.endStep(input.key, { state: 'done', output });
    report({ state: 'done', output }, 'step');
    return output;
  } catch (error) {
    const cancelled = signal.aborted;
    const failure = summarize(error);
    await cycles.endStep(input.key, cancelled ? { state: 'cancelled' } : { state: 'failed', error: failure });
    report(
      cancelled ? { state: 'cancelled' } : { state: 'failed', attempt: activityInfo().attempt, ...failure },
      'step',
    );
    throw error;
  } finally {
    await written();
  }
}

/** The record of a cycle whose workflow was reset has the end of the former run still. */
async function goOn({ store }: StepDeps, step: StepName, input: StepInput, report: StepWork['report']): Promise<void> {
  const before = await store.cycles.get(input.cycleId);
  await store.cycles.update(input.cycleId, {
    state: 'running',
    step,
    recipe: input.recipe,
    ...withoutEnd,
  });
  if (before?.state !== 'running') report({ state: 'running' }, 'state');
}

interface Reporter {
  report: StepWork['report'];
  /** Resolves once all that was reported is written. */
  written: () => Promise<void>;
}

/** Events are written one after the other: side by side they would come in any order. */
function reporter(deps: StepDeps, cycle: string, step: StepName): Reporter {
  let last = Promise.resolve();
  const report: StepWork['report'] = (data, kind = 'progress') => {
    const event = { at: new Date().toISOString(), cycle, step, kind, data };
    // Progress is worth less than the step that it tells of.
    last = last.then(() => appendEvent(deps.dataDir, cycle, event)).catch(() => {});
  };
  return { report, written: () => last };
}
