import { once } from 'node:events';
import { RatchetError } from '../core/errors.ts';

/** Aborted when this process is told to end: by a signal, or, with `lifeline`, when the process that started it is gone. */
export function stopSignal(lifeline = false): AbortSignal {
  const told = new AbortController();
  const stop = () => {
    // An open standard input would keep the process alive.
    if (lifeline) process.stdin.destroy();
    told.abort(new RatchetError('Cancelled', 'It was stopped.'));
  };
  // Listeners that stay: to the owner of child processes, a signal that nobody listens to means the end of all of them.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  if (lifeline) process.stdin.once('end', stop).once('error', stop).resume();
  return told.signal;
}

/** Resolves when a signal is aborted. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/** Resolves when this process is told to end. */
export function untilStopped(lifeline: boolean): Promise<void> {
  return untilAborted(stopSignal(lifeline));
}
