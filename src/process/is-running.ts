import { isErrno } from '../core/errors.ts';

/** Whether there is a process of this id, be it of another user. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}
