import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  TimeoutFailure,
  condition,
  currentUpdateInfo,
  isCancellation,
  setCurrentDetails,
  upsertSearchAttributes,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import { SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import {
  type Attention,
  type CycleInput,
  type CycleResult,
  type CycleState,
  type Outputs,
  type StepName,
  outputsBefore,
  searchAttributeNames,
  steps,
} from '../core/cycle.ts';
import { type ErrorCode, traits } from '../core/errors.ts';
import { activitiesFor, bookkeeping, line } from './proxies.ts';

const stateKey = defineSearchAttributeKey(searchAttributeNames.state, SearchAttributeType.KEYWORD);
const stepKey = defineSearchAttributeKey(searchAttributeNames.step, SearchAttributeType.KEYWORD);

/** What a person told a cycle to do. */
export type Decision =
  | { kind: 'retry'; from: StepName }
  | { kind: 'abort'; by: string; reason: string }
  | { kind: 'approve'; by: string };

/** The state of one running cycle; the workflow's handlers read and change it. */
export interface CycleRun {
  readonly input: CycleInput;
  recipe: string;
  state: CycleState;
  step: StepName | null;
  outputs: Outputs;
  attention: Attention | null;
  decision: Decision | null;
  /** The state that the record has. */
  noted: CycleState;
  /** Key of a step call that failed or was cut off, while it may go on where it was. */
  key: string | null;
  /** Run id of the workflow when the record had a state last: another one than now tells that it was reset since. */
  notedIn: string | null;
  scope: CancellationScope | null;
}

export function createRun(input: CycleInput): CycleRun {
  return {
    input,
    recipe: input.recipe,
    state: 'queued',
    step: null,
    outputs: { ...input.outputs },
    attention: null,
    decision: null,
    noted: 'queued',
    key: input.key ?? null,
    notedIn: null,
    scope: null,
  };
}

/** Notes the state in the record, the search attributes and the details that the Temporal UI shows. */
export async function enterState(
  run: CycleRun,
  state: CycleState,
  change: { attention?: Attention; result?: CycleResult; release?: boolean } = {},
): Promise<void> {
  run.state = state;
  run.attention = change.attention ?? null;
  upsertSearchAttributes([
    { key: stateKey, value: state },
    { key: stepKey, value: run.step ?? 'none' },
  ]);
  setCurrentDetails(describe(run, change.result));
  const { runId } = await bookkeeping.noteState({
    cycleId: run.input.cycleId,
    base: run.input.base,
    state,
    step: run.step,
    attention: run.attention,
    result: change.result ?? null,
    release: change.release ?? false,
  });
  run.noted = state;
  run.notedIn = runId;
}

/** Stands in line for the base. Resolves to false when a person aborted meanwhile. */
export async function takeTurn(run: CycleRun): Promise<boolean> {
  const { cycleId, base } = run.input;
  return cancellable(run, () => line.takeTurn({ cycleId, base }));
}

/**
 * Runs one step and keeps its output. Resolves to null when it is done, to an Attention when it failed for good, and to
 * `aborted` when a person ended it.
 */
export async function runStep(
  run: CycleRun,
  step: StepName,
  approvedBy?: string,
): Promise<Attention | 'aborted' | null> {
  run.step = step;
  // After a reset the step runs anew; its former call may be done.
  if (run.notedIn !== workflowInfo().runId) run.key = null;
  run.key ??= uuid4();
  upsertSearchAttributes([{ key: stepKey, value: step }]);
  setCurrentDetails(describe(run));
  const input = {
    cycleId: run.input.cycleId,
    base: run.input.base,
    recipe: run.recipe,
    key: run.key,
    outputs: run.outputs,
    ...(approvedBy === undefined ? {} : { approvedBy }),
  };
  try {
    const finished = await cancellable(run, async () => {
      const output = await activitiesFor(step)[step](input);
      run.outputs = { ...run.outputs, [step]: output };
      run.key = null;
    });
    return finished ? null : 'aborted';
  } catch (error) {
    if (isCancellation(error)) throw error;
    return attentionOf(step, error);
  }
}

/** Steps from the given one on lose their outputs, so that they run again. */
export function forgetFrom(run: CycleRun, from: StepName): void {
  run.outputs = outputsBefore(run.outputs, from);
}

/** Waits for a person's decision; null when nobody came in time. */
export async function awaitDecision(run: CycleRun): Promise<Decision | null> {
  await condition(() => run.decision !== null, '30 days');
  const decision = run.decision;
  run.decision = null;
  return decision;
}

/** Ends what runs now, for `abort`. A workflow that was reset gets the updates of its former run again: they are refused. */
export async function abortNow(run: CycleRun, decision: Extract<Decision, { kind: 'abort' }>): Promise<void> {
  const update = currentUpdateInfo()?.id ?? '';
  if (!(await bookkeeping.admitAbort({ cycleId: run.input.cycleId, update }))) {
    throw ApplicationFailure.nonRetryable('This abort ended the run before the reset: send a new one.', 'Conflict');
  }
  run.decision = decision;
  run.scope?.cancel();
}

/** Runs something that `abort` can cancel; false when it was. A cancel of the whole workflow is thrown. */
async function cancellable(run: CycleRun, body: () => Promise<void>): Promise<boolean> {
  if (isAborting(run)) return false;
  const scope = new CancellationScope();
  run.scope = scope;
  try {
    await scope.run(body);
    return true;
  } catch (error) {
    if (isCancellation(error) && isAborting(run)) return false;
    throw error;
  } finally {
    run.scope = null;
  }
}

function isAborting(run: CycleRun): boolean {
  return run.decision?.kind === 'abort';
}

function attentionOf(step: StepName, error: unknown): Attention {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const code = isErrorCode(cause.type) ? cause.type : 'Bug';
    return { step, code, message: cause.message, advice: traits[code].advice };
  }
  if (cause instanceof TimeoutFailure) {
    const message = `The step ${step} lost its worker again and again: look whether "ratchet worker" stays up.`;
    return { step, code: 'Stalled', message, advice: 'Start the worker, then retry the step.' };
  }
  if (cause instanceof CancelledFailure) {
    return { step, code: 'Cancelled', message: `The step ${step} was cancelled.`, advice: traits.Cancelled.advice };
  }
  return {
    step,
    code: 'Bug',
    message: error instanceof Error ? error.message : String(error),
    advice: traits.Bug.advice,
  };
}

function isErrorCode(type: string | null | undefined): type is ErrorCode {
  return typeof type === 'string' && type in traits;
}

function describe(run: CycleRun, result?: CycleResult): string {
  const done = steps.filter((step) => run.outputs[step]).join(' → ') || 'nothing yet';
  const lines = [`**${run.state}**${run.step ? ` at **${run.step}**` : ''}`, `Done: ${done}`];
  if (run.attention) {
    lines.push(
      `**Why:** ${run.attention.message}`,
      `**What to do:** ${run.attention.advice}`,
      'Send the update `retryStep`, empty or with a patch:',
      '`{"patch":{"train":{"learning_rate":0.0001}}}`',
      'Or send `abort` to keep what is selected.',
    );
  }
  if (run.state === 'awaiting_approval')
    lines.push('Send the update `approve` to promote, or `abort` to keep what is selected.');
  if (result) lines.push(result.reason);
  // The Temporal UI cuts off the last line: let it be an empty one.
  return [...lines, '\u00A0'].join('\n\n');
}
