import { RatchetError } from '../../core/errors.ts';
import { type Constraint, constraintError, diskFull, unavailable } from '../database.ts';
import { isBusy } from './result-code.ts';

const constraints: ReadonlyMap<number, Constraint> = new Map([
  [787, 'foreign_key'],
  [1555, 'unique'],
  [2067, 'unique'],
]);

/** SQLite's result code as an error of ours. */
export function sqliteError(code: number, message: string, path: string, cause?: unknown): RatchetError {
  const origin = cause ?? new Error(`SQLite ${code}: ${message}`);
  if (isBusy(code)) {
    return unavailable(`another process holds the write lock of ${path} for too long: find it, or try again.`, origin);
  }
  switch (code & 0xff) {
    case 13:
      return diskFull(origin);
    case 19:
      return constraintError(constraints.get(code) ?? 'other', origin);
    case 11:
    case 26:
      return unavailable(`${path} is damaged (${message}): restore it from a backup.`, origin);
    case 3:
    case 8:
    case 10:
    case 14:
      return unavailable(`${path} cannot be read or written (${message}): check the disk and its rights.`, origin);
    case 0:
      return unavailable(`${path}: ${message}.`, origin);
    default:
      return new RatchetError('Bug', `The store ran a wrong statement: ${message}.`, { cause: origin });
  }
}
