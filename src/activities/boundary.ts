import { ApplicationFailure } from '@temporalio/common';
import { type ErrorCode, asRatchetError, traits } from '../core/errors.ts';

/** An error as Temporal wants it: the code as type, and retried only where the table of traits says so. */
export function asFailure(error: unknown): ApplicationFailure {
  const own = asRatchetError(error);
  return ApplicationFailure.create({
    message: own.message,
    type: own.code,
    nonRetryable: traits[own.code].onStep === 'park',
    ...(own.cause instanceof Error ? { cause: own.cause } : {}),
  });
}

/** Code and message of an error, for the record. */
export function summarize(error: unknown): { code: ErrorCode; message: string } {
  const { code, message } = asRatchetError(error);
  return { code, message };
}
