import {
  ApplicationFailure,
  CancellationScope,
  condition,
  allHandlersFinished,
  defineQuery,
  defineUpdate,
  isCancellation,
  patched,
  setHandler,
} from '@temporalio/workflow';
import {
  type CycleInput,
  type CycleResult,
  type CycleState,
  type CycleStatus,
  type PersonRequest,
  type RetryRequest,
  type StepName,
  closedStates,
  retryStepOf,
  steps,
  surface,
} from '../core/cycle.ts';
import {
  type CycleRun,
  abortNow,
  awaitDecision,
  createRun,
  enterState,
  forgetFrom,
  runStep,
  takeTurn,
} from './cycle-run.ts';
import { bookkeeping } from './proxies.ts';

const statusQuery = defineQuery<CycleStatus>(surface.status);
const retryUpdate = defineUpdate<{ step: StepName }, [RetryRequest?]>(surface.retryStep);
const abortUpdate = defineUpdate<{ state: string }, [PersonRequest?]>(surface.abort);
const approveUpdate = defineUpdate<{ state: string }, [PersonRequest?]>(surface.approve);

/**
 * One cycle: collect → build → train → validate → import → evaluate → gate → promote. A step that fails for good parks the
 * cycle until a person sends `retryStep` or `abort`.
 */
export async function trainingCycle(input: CycleInput): Promise<CycleResult> {
  const run = createRun(input);
  listen(run);
  let result: CycleResult;
  try {
    result = await go(run);
  } catch (error) {
    if (!isCancellation(error)) throw error;
    result = aborted('It was cancelled from Temporal.');
    await CancellationScope.nonCancellable(() => enterState(run, 'aborted', { result, release: true }));
    throw error;
  }
  await enterState(run, result.state, { result, release: true });
  await condition(allHandlersFinished);
  return result;
}

async function go(run: CycleRun): Promise<CycleResult> {
  if (!(await beginTurn(run))) return abortedBy(run);
  for (let step = nextStep(run); step !== null; step = nextStep(run)) {
    const decision = run.outputs.gate?.decision;
    if (step === 'promote' && decision !== 'pass') return kept(run);
    let approvedBy: string | undefined;
    if (step === 'promote' && run.outputs.gate?.approval === 'person') {
      const approval = await awaitApproval(run);
      if (typeof approval !== 'string') return approval;
      approvedBy = approval;
    }
    const outcome = await runStep(run, step, approvedBy);
    if (outcome === 'aborted') return abortedBy(run);
    if (outcome === null) continue;
    await enterState(run, 'needs_attention', { attention: outcome, release: true });
    const told = await awaitDecision(run);
    if (told === null) return expired(run);
    if (told.kind === 'abort') return aborted(told.reason);
    if (told.kind === 'retry') forgetFrom(run, told.from);
    await enterState(run, 'queued');
    if (!(await beginTurn(run))) return abortedBy(run);
  }
  return {
    state: 'completed',
    decision: 'pass',
    promoted: run.outputs.promote?.promoted ?? false,
    reason: run.outputs.promote?.reason ?? '',
  };
}

async function beginTurn(run: CycleRun): Promise<boolean> {
  if (!(await takeTurn(run))) return false;
  await enterState(run, 'running');
  return true;
}

function nextStep(run: CycleRun): StepName | null {
  return steps.find((step) => run.outputs[step] === undefined) ?? null;
}

/** Who approved; or the result of a cycle that nobody approved. */
async function awaitApproval(run: CycleRun): Promise<string | CycleResult> {
  run.step = 'promote';
  await enterState(run, 'awaiting_approval', { release: true });
  const told = await awaitDecision(run);
  if (told === null) return expired(run);
  if (told.kind === 'abort') return aborted(told.reason);
  await enterState(run, 'queued');
  if (!(await beginTurn(run))) return abortedBy(run);
  return told.kind === 'approve' ? told.by : 'unknown';
}

function kept(run: CycleRun): CycleResult {
  const gate = run.outputs.gate;
  return { state: 'completed', decision: gate?.decision ?? null, promoted: false, reason: gate?.reason ?? '' };
}

function abortedBy(run: CycleRun): CycleResult {
  return aborted(run.decision?.kind === 'abort' ? run.decision.reason : 'It was aborted.');
}

function aborted(reason: string): CycleResult {
  return { state: 'aborted', decision: null, promoted: false, reason };
}

function expired(run: CycleRun): CycleResult {
  return {
    state: 'expired',
    decision: run.outputs.gate?.decision ?? null,
    promoted: false,
    reason: 'Nobody decided within 30 days.',
  };
}

function listen(run: CycleRun): void {
  setHandler(
    statusQuery,
    (): CycleStatus => ({
      state: run.state,
      step: run.step,
      attention: run.attention,
      recipe: run.recipe,
      outputs: run.outputs,
    }),
    { description: 'State, step, what needs attention, and the output of every finished step' },
  );
  setHandler(retryUpdate, (request) => retry(run, request ?? {}), {
    description:
      'Run the failed step again. Optional input: {"patch":{"train":{"learning_rate":0.0001}},"from":"build"}',
    validator: (request?: RetryRequest) => mayRetry(run, request),
  });
  setHandler(abortUpdate, (request) => abort(run, request ?? {}), {
    description: 'End this cycle and keep what is selected. Optional input: {"reason":"…"}',
    validator: (_request?: PersonRequest) => {
      if (run.decision?.kind === 'abort') throw refuse('The cycle is being aborted already.');
    },
  });
  setHandler(approveUpdate, (request) => approve(run, request ?? {}), {
    description: 'Promote the candidate that passed the gate',
    validator: (_request?: PersonRequest) => {
      if (run.state !== 'awaiting_approval')
        throw refuse(`The cycle is ${run.state}, it does not wait for an approval.`);
    },
  });
}

function mayRetry(run: CycleRun, request: RetryRequest | undefined): void {
  if (run.state !== 'needs_attention' || run.decision)
    throw refuse(`The cycle is ${run.decision ? 'going on' : run.state}: only a step that needs attention is retried.`);
  if (request?.from !== undefined && !steps.includes(request.from)) {
    throw refuse(`There is no step ${request.from}: use one of ${steps.join(', ')}.`);
  }
}

/**
 * Each of these answers once the record has what it did, so that whoever reads next sees it. Whoever reads the record may
 * decide before the workflow hears that the record was written.
 */
async function retry(run: CycleRun, request: RetryRequest): Promise<{ step: StepName }> {
  await recorded(run, 'needs_attention');
  if (run.decision) throw refuse('Somebody else decided at the same moment.');
  const failed = run.attention;
  if (!failed) throw refuse('The cycle goes on already.');
  const from = retryStepOf(failed, request);
  const { patch } = request;
  const changes = patch !== undefined && Object.keys(patch).length > 0;
  if (changes) {
    const { cycleId } = run.input;
    const patched = await bookkeeping.patchRecipe({ cycleId, recipe: run.recipe, patch });
    if (run.attention !== failed || run.decision) throw refuse('Somebody else decided at the same moment.');
    run.recipe = patched.recipe;
  }
  // The same step as it was goes on from its checkpoint.
  if (changes || from !== failed.step) run.key = null;
  run.decision = { kind: 'retry', from };
  await condition(() => run.noted !== 'needs_attention');
  return { step: from };
}

async function abort(run: CycleRun, request: PersonRequest): Promise<{ state: string }> {
  const by = request.by ?? 'the Temporal UI';
  await abortNow(run, { kind: 'abort', by, reason: request.reason ?? `It was aborted by ${by}.` });
  await condition(() => closedStates.includes(run.noted));
  return { state: run.noted };
}

async function approve(run: CycleRun, request: PersonRequest): Promise<{ state: string }> {
  await recorded(run, 'awaiting_approval');
  run.decision = { kind: 'approve', by: request.by ?? 'the Temporal UI' };
  await condition(() => run.noted !== 'awaiting_approval');
  return { state: run.noted };
}

async function recorded(run: CycleRun, state: CycleState): Promise<void> {
  if (run.noted === state) return;
  // Histories of 0.1.0 have decisions that did not wait.
  if (patched('decided-once-recorded')) await condition(() => run.noted === state);
}

function refuse(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'Conflict');
}
