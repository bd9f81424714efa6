/** Every way in which Ratchet can fail. The list is closed: a new failure is a new line in {@link traits}. */
export type ErrorCode =
  | 'InvalidInput'
  | 'Unauthorized'
  | 'NotFound'
  | 'Conflict'
  | 'NotEnoughData'
  | 'BaseMissing'
  | 'PartMissing'
  | 'ProviderUnavailable'
  | 'ProviderRejected'
  | 'RateLimited'
  | 'BudgetSpent'
  | 'TemporalUnavailable'
  | 'StoreUnavailable'
  | 'OutOfMemory'
  | 'Diverged'
  | 'Stalled'
  | 'GpuBusy'
  | 'CorruptCheckpoint'
  | 'DiskFull'
  | 'Cancelled'
  | 'Bug';

/** What the rest of the house does with an error of one code. */
export interface ErrorTraits {
  /** HTTP status on `/api` and `/v1`. */
  status: number;
  /** `retry`: the activity is tried again. `park`: a person decides, the workflow waits. */
  onStep: 'retry' | 'park';
  /** What a person can do, where the message itself does not say. */
  advice: string;
}

export const traits: Readonly<Record<ErrorCode, ErrorTraits>> = {
  InvalidInput: { status: 400, onStep: 'park', advice: 'Correct the value that is named and send it again.' },
  Unauthorized: { status: 401, onStep: 'park', advice: 'Send an API key as "Authorization: Bearer …".' },
  NotFound: { status: 404, onStep: 'park', advice: 'List what exists and use one of those names.' },
  Conflict: { status: 409, onStep: 'park', advice: 'Read the current state again, then repeat the call.' },
  NotEnoughData: { status: 422, onStep: 'park', advice: 'Rate or correct more answers, then retry the step.' },
  BaseMissing: { status: 422, onStep: 'park', advice: 'Get the base with "ratchet bases add", then retry the step.' },
  PartMissing: { status: 503, onStep: 'park', advice: 'Run "ratchet doctor" and then the command that it names.' },
  ProviderUnavailable: { status: 502, onStep: 'retry', advice: 'Start the provider or correct its URL.' },
  ProviderRejected: {
    status: 502,
    onStep: 'park',
    advice: 'Read the message of the provider and correct the request.',
  },
  RateLimited: { status: 429, onStep: 'retry', advice: 'Wait for the time in Retry-After.' },
  BudgetSpent: { status: 429, onStep: 'park', advice: 'Raise the budget, or wait until its period is over.' },
  TemporalUnavailable: {
    status: 503,
    onStep: 'retry',
    advice: 'Start Temporal with "ratchet up" or set TEMPORAL_ADDRESS.',
  },
  StoreUnavailable: { status: 503, onStep: 'retry', advice: 'Check the data folder, or DATABASE_URL.' },
  OutOfMemory: { status: 500, onStep: 'park', advice: 'Retry with a smaller micro_batch_size or max_seq_length.' },
  Diverged: { status: 500, onStep: 'park', advice: 'Retry with a lower learning_rate.' },
  Stalled: { status: 500, onStep: 'retry', advice: 'Read the log of the step; it made no progress.' },
  GpuBusy: { status: 409, onStep: 'retry', advice: 'Wait for the other job to end.' },
  CorruptCheckpoint: {
    status: 500,
    onStep: 'park',
    advice: 'Retry with {"patch":{"train":{"restart":true}}} to train from the start.',
  },
  DiskFull: { status: 507, onStep: 'park', advice: 'Free some disk space, then retry the step.' },
  Cancelled: { status: 499, onStep: 'park', advice: 'Start it again when you want it to go on.' },
  Bug: { status: 500, onStep: 'park', advice: 'Report it with the log; nothing recorded was lost.' },
};

export interface RatchetErrorOptions {
  cause?: unknown;
  /** Facts that a program can use, never secrets or chat text. */
  details?: Readonly<Record<string, unknown>>;
}

/** The one error class. `message` is one sentence that says what is wrong and what to do. */
export class RatchetError extends Error {
  override readonly name = 'RatchetError';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: RatchetErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get traits(): ErrorTraits {
    return traits[this.code];
  }
}

/** Any thrown value as a RatchetError; what is not ours becomes a `Bug`, or `DiskFull` for ENOSPC. */
export function asRatchetError(error: unknown): RatchetError {
  if (error instanceof RatchetError) return error;
  if (isErrno(error, 'ENOSPC')) {
    return new RatchetError(
      'DiskFull',
      'The disk is full: free some space, then try again; nothing recorded was lost.',
      {
        cause: error,
      },
    );
  }
  const message = error instanceof Error ? error.message : String(error);
  return new RatchetError('Bug', `Something went wrong that Ratchet did not expect: ${message}`, { cause: error });
}

/** Whether a value is a system error with this code. */
export function isErrno(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
