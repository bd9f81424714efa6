import { setTimeout as sleep } from 'node:timers/promises';
import { asRatchetError } from '../core/errors.ts';
import type { ProcessExit, Supervised } from '../process/types.ts';

/** A part of a workspace that was started here. */
export interface StartedPart {
  name: string;
  stop(): Promise<unknown>;
  pid(): number;
  /** How it ended last; null while it never did. */
  ended(): ProcessExit | null;
}

export interface KeepOptions {
  onProgress: (line: string) => void;
  /** Aborted before anything is stopped, so that nothing is started again. */
  stopping: AbortSignal;
}

const restartDelayMs = 1000;

/**
 * Watches a part and starts it again when it ends without having been told to. `start` gives null when somebody else
 * answers in its place by now, which is theirs to keep.
 */
export function keepRunning(
  name: string,
  first: Supervised,
  start: () => Promise<Supervised | null>,
  { onProgress, stopping }: KeepOptions,
): StartedPart {
  let last: ProcessExit | null = null;
  let child = first;
  const watched = watch();
  async function watch(): Promise<void> {
    while (!stopping.aborted) {
      last = await child.exited;
      if (stopping.aborted) return;
      onProgress(`${name} ended (${last.signal ?? `exit code ${last.code}`}); it is started again`);
      const next = await startAgain();
      if (next === null) return;
      child = next;
      if (stopping.aborted) await child.stop();
    }
  }
  async function startAgain(): Promise<Supervised | null> {
    for (;;) {
      await sleep(restartDelayMs);
      if (stopping.aborted) return null;
      try {
        return await start();
      } catch (error) {
        onProgress(`${name} could not be started again: ${asRatchetError(error).message}`);
      }
    }
  }
  const stop = async () => {
    await child.stop();
    await watched;
  };
  return { name, stop, pid: () => child.pid, ended: () => last };
}
