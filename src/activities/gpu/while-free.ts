import { setTimeout as sleep } from 'node:timers/promises';
import { heldBy, leaseLookMs } from '../../core/gpu.ts';
import { waitingEvent } from './lease.ts';
import type { SharedGpu } from './on-device.ts';
import type { StepWork } from '../step.ts';

/** How often it is looked whether somebody has taken the GPU, in ms. */
const lookMs = 100;

/**
 * Runs what asks local models and must be answered by the GPU as chats are: waits until nobody has it for training, and ends and
 * begins again where somebody takes it in the middle. It holds no lease itself, under which chats would move their models off the
 * GPU, and with them those that are asked here.
 */
export async function whileGpuIsFree<T>(
  gpu: Pick<SharedGpu, 'host' | 'holder'>,
  { signal, report }: Pick<StepWork, 'signal' | 'report'>,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (;;) {
    await untilFree(gpu, { signal, report });
    const taken = new AbortController();
    const timer = setInterval(() => {
      if (gpu.holder() !== null) taken.abort();
    }, lookMs);
    try {
      return await run(AbortSignal.any([signal, taken.signal]));
    } catch (error) {
      if (!taken.signal.aborted) throw error;
    } finally {
      clearInterval(timer);
    }
  }
}

async function untilFree(
  gpu: Pick<SharedGpu, 'host' | 'holder'>,
  { signal, report }: Pick<StepWork, 'signal' | 'report'>,
): Promise<void> {
  signal.throwIfAborted();
  const held = gpu.holder();
  if (held === null) return;
  report(waitingEvent(held, `It waits for the GPU of ${gpu.host}, ${heldBy(held, Date.now())}.`));
  while (gpu.holder() !== null) await sleep(leaseLookMs, undefined, { signal });
}
