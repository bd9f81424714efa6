import { setTimeout as sleep } from 'node:timers/promises';
import { isBusy, resultCode } from './result-code.ts';

const attempts = 200;

/** Tries a read again that meets a lock: only for moments, while another process recovers or removes the log. */
export async function readPatiently<T>(action: () => T): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return action();
    } catch (error) {
      if (!isBusy(resultCode(error)) || attempt === attempts) throw error;
    }
    await sleep(Math.min(attempt, 25));
  }
}
