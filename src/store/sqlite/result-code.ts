import type { Failure } from './protocol.ts';

/** SQLite's extended result code of a thrown error, 0 when it is not one of SQLite's. */
export function resultCode(error: unknown): number {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0;
}

/** Whether a lock of another connection was in the way (SQLITE_BUSY or SQLITE_LOCKED). */
export function isBusy(code: number): boolean {
  return (code & 0xff) === 5 || (code & 0xff) === 6;
}

/** A thrown error as it crosses to another thread. */
export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'sqlite', code: resultCode(error), message };
}
