import { ApplicationFailure } from '@temporalio/common';
import { type ErrorCode, type RatchetError, asRatchetError, traits } from '../core/errors.ts';

/** An error as Temporal wants it: the code as type, and retried only where the table of traits says so. */
export function asFailure(error: unknown): ApplicationFailure {
  const own = asRatchetError(error);
  return failure(own, traits[own.code].onStep === 'park');
}

/** An error after which there is nothing but to try again: what keeps the record cannot be parked, a full disk waits. */
export function asRetried(error: unknown): ApplicationFailure {
  return failure(asRatchetError(error), false);
}

function failure({ message, code, cause }: RatchetError, nonRetryable: boolean): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    type: code,
    nonRetryable,
    ...(cause instanceof Error ? { cause } : {}),
  });
}

/** Code and message of an error, for the record. */
export function summarize(error: unknown): { code: ErrorCode; message: string } {
  const { code, message } = asRatchetError(error);
  return { code, message };
}
