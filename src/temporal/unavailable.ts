import { RatchetError } from '../core/errors.ts';

/** Nothing answers at Temporal's address. */
export function temporalUnavailable(address: string, cause: unknown): RatchetError {
  return new RatchetError(
    'TemporalUnavailable',
    `Temporal does not answer at ${address}: start it with "ratchet up", or set TEMPORAL_ADDRESS to where it runs.`,
    { cause },
  );
}
