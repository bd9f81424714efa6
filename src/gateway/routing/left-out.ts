import { RatchetError } from '../../core/errors.ts';
import type { LeftOut } from './scene.ts';

/** Adds to the error of a chat that nobody answered which models were not asked, and why. */
export function tellLeftOut(error: RatchetError, { leftOut }: { leftOut: readonly LeftOut[] }): RatchetError {
  if (leftOut.length === 0) return error;
  const told = leftOut.map(({ ref, reason }) => `${ref} was not asked: ${reason}.`).join(' ');
  const said = /[.!?]$/.test(error.message) ? error.message : `${error.message}.`;
  return new RatchetError(error.code, `${said} ${told}`, { cause: error, details: error.details });
}
