import type { ErrorCode } from './errors.ts';
import type { Method } from './method.ts';

export const steps = ['collect', 'build', 'train', 'validate', 'import', 'evaluate', 'gate', 'promote'] as const;
export type StepName = (typeof steps)[number];

/** `awaiting_approval`: the gate passed, a person promotes. `interrupted`: its workflow is gone, retry starts it again. */
export type CycleState =
  | 'queued'
  | 'running'
  | 'needs_attention'
  | 'awaiting_approval'
  | 'interrupted'
  | 'completed'
  | 'aborted'
  | 'expired';

export const closedStates: readonly CycleState[] = ['completed', 'aborted', 'expired'];

/** What the record of a cycle that goes on has of the end, or the stop, that was before: nothing. */
export const withoutEnd = { attention: null, result: null, finishedAt: null } as const;

export type StepState = 'running' | 'done' | 'failed' | 'cancelled';

/** `not_enough_evidence` is a result, never an error. */
export type GateDecision = 'pass' | 'fail' | 'not_enough_evidence';

/** One of the trainings of a sweep, and what it came to. */
export type Tried = {
  learningRate: number;
  rank: number;
  /** The lowest held-out loss, in nats per learned token; null where it diverged. */
  loss: number | null;
};

/** What a sweep tried, in order, and which was kept. */
export type Swept = {
  tried: Tried[];
  /** Index in `tried`. */
  kept: number;
  /** One sentence for people. */
  why: string;
};

/** What each step hands on. Ids and digests only: these travel through the workflow's history. */
export interface StepOutputs {
  collect: { collection: string; examples: number };
  build: { dataset: string; name: string; train: number; val: number; test: number };
  /** `method` and why it was taken are missing in cycles from before there was a choice. */
  train: {
    adapterDigest: string;
    run: string;
    steps: number;
    loss: number;
    method?: Method;
    why?: string;
    sweep?: Swept;
  };
  /** Nats per learned token on held-out rows; null when there were none. */
  validate: { baseLoss: number | null; candidateLoss: number | null; targetTokens: number };
  /** `adapter`: it is an adapter on the base that Ollama has; absent where cycles only merged. */
  import: { modelVersion: string; served: string; adapter?: boolean };
  evaluate: { evaluation: string; n: number };
  gate: { decision: GateDecision; evidence: string; reason: string; approval: 'auto' | 'person' };
  promote: { promoted: boolean; promotion: string | null; reason: string };
}

export type Outputs = { [S in StepName]?: StepOutputs[S] };

/** Input of the workflow `trainingCycle`. `outputs` holds the steps that are already done when a cycle is started again. */
export interface CycleInput {
  cycleId: string;
  base: string;
  /** Digest of the resolved recipe's blob. */
  recipe: string;
  outputs: Outputs;
  /** Key of the step call that was cut off when the cycle was interrupted: it goes on where it was. */
  key?: string | undefined;
}

/** Input of every step's activity. `key` is the same through retries and worker deaths, new after a reset. */
export interface StepInput {
  cycleId: string;
  base: string;
  recipe: string;
  key: string;
  outputs: Outputs;
  /** Who approved the promotion; absent where no person was asked. */
  approvedBy?: string;
}

/** Why a cycle needs attention, and what it waits for. */
export interface Attention {
  step: StepName;
  code: ErrorCode;
  message: string;
  advice: string;
}

/** Answer of the workflow's query `status`. */
export interface CycleStatus {
  state: CycleState;
  step: StepName | null;
  attention: Attention | null;
  recipe: string;
  outputs: Outputs;
}

export interface CycleResult {
  state: 'completed' | 'aborted' | 'expired';
  decision: GateDecision | null;
  promoted: boolean;
  reason: string;
}

/** One line of a cycle's event log, and one SSE event of `/api/cycles/:id/events`. */
export interface CycleEvent {
  at: string;
  cycle: string;
  step: StepName | null;
  kind: 'state' | 'step' | 'progress' | 'warning' | 'log';
  data: Record<string, unknown>;
}

/** Names of what a running cycle can be asked and told, in the API, the command and the Temporal UI alike. */
export const surface = { status: 'status', retryStep: 'retryStep', abort: 'abort', approve: 'approve' } as const;

/** Argument of `retryStep`. All of it is optional: an empty one repeats the step as it was. */
export interface RetryRequest {
  patch?: Record<string, unknown> | undefined;
  /** Begin again at this earlier step instead of the one that failed. */
  from?: StepName | undefined;
}

/** Where a retry begins: at the step that failed or the one that is asked for, and not after what its patch changes. */
export function retryStepOf(
  failed: { step: StepName; code: ErrorCode | null },
  { patch, from }: RetryRequest,
): StepName {
  // The gate decides whether a person is asked.
  const changed = Object.keys(patch ?? {}).map((section) => (section === 'promote' ? 'gate' : section));
  // What is selected changed since the evaluation: the candidate has to beat the new selection.
  if (failed.step === 'promote' && failed.code === 'Conflict') changed.push('evaluate');
  return steps.find((step) => step === (from ?? failed.step) || changed.includes(step)) ?? failed.step;
}

/** The outputs of the steps before one. */
export function outputsBefore(outputs: Outputs, step: StepName): Outputs {
  const kept = steps.slice(0, steps.indexOf(step));
  return Object.fromEntries(kept.flatMap((name) => (outputs[name] ? [[name, outputs[name]]] : [])));
}

/** Argument of `abort` and `approve`. */
export interface PersonRequest {
  by?: string | undefined;
  reason?: string | undefined;
}

/** Search attributes of a cycle's workflow, all keywords. */
export const searchAttributeNames = { state: 'RatchetState', step: 'RatchetStep', base: 'RatchetBase' } as const;

export const taskQueues = { main: 'ratchet', gpu: 'ratchet-gpu' } as const;
