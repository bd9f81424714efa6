import { RatchetError } from '../../core/errors.ts';
import { type Constraint, constraintError, diskFull, unavailable } from '../database.ts';

const constraints: Readonly<Record<string, Constraint>> = { '23505': 'unique', '23503': 'foreign_key' };

/** PostgreSQL's SQLSTATE of a thrown error, or the system's code when the server was not reached; '' when neither. */
export function stateOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Whether the same transaction, begun again, may well succeed: a serialization failure or a deadlock. */
export function isTransient(error: unknown): boolean {
  return ['40001', '40P01'].includes(stateOf(error));
}

/** An error of `pg` as an error of ours. */
export function postgresError(error: unknown): RatchetError {
  if (error instanceof RatchetError) return error;
  const state = stateOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (state === '53100') return diskFull(error);
  if (state.startsWith('23')) return constraintError(constraints[state] ?? 'other', error);
  if (state === '22021' || state === '22P05') {
    return new RatchetError('InvalidInput', `PostgreSQL cannot hold this text (${message}): take the NUL out of it.`, {
      cause: error,
    });
  }
  if (/^[0-9A-Z]{5}$/.test(state) && !/^(08|28|3D|53|57|58|XX|40|25)/.test(state)) {
    return new RatchetError('Bug', `The store ran a wrong statement: ${message}.`, { cause: error });
  }
  return unavailable(`PostgreSQL answered "${message}": check DATABASE_URL and the server.`, error);
}
