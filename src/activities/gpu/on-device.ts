import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { GpuLease, GpuSettings, LeaseUse } from '../../core/gpu.ts';
import type { CycleEvent } from '../../core/cycle.ts';
import type { JobEvent } from '../../core/job.ts';
import type { Recipe } from '../../core/recipe.ts';
import type { Device, Machine } from '../../models/gpu/device.ts';
import type { OllamaClient } from '../../models/ollama.ts';
import type { Store } from '../../store/types.ts';
import { holdLease, waitingEvent } from './lease.ts';
import { makeRoom } from './room.ts';

/** The GPU that training and the models served here share. */
export interface SharedGpu {
  /** Names its machine. */
  host: string;
  machine: Machine;
  settings: () => GpuSettings;
  /** Who has it, as seen within the last second. */
  holder: () => GpuLease | null;
  /** What serves models from the same memory. */
  ollama: Pick<OllamaClient, 'running' | 'unload'>;
}

interface OnDeviceDeps {
  store: Pick<Store, 'gpuLeases'>;
  gpu: SharedGpu;
}

/** Who uses a device, and how. */
export interface DeviceUse {
  /** The same through retries, which go on with the lease of the attempt before. */
  owner: string;
  /** Null of an estimate. */
  cycleId: string | null;
  step: LeaseUse;
  /** The device that the recipe asks for. */
  device: Recipe['train']['device'];
  /** Folder of the base, whose weights are the least that is needed. */
  base: string;
  signal: AbortSignal;
  /** Told why it waits, and of what is not as it should be. */
  report: (data: Record<string, unknown>, kind?: CycleEvent['kind']) => void;
}

/** What runs on a device: with a signal that ends it, and who is told its events. */
type Run<T> = (options: { signal: AbortSignal; onEvent: (event: JobEvent) => void }) => Promise<T>;

/**
 * Runs something on the device that a recipe asks for. Where training takes the GPU for itself, this holds the lease of it:
 * first the lease, then Ollama is asked to unload, then a bounded wait for memory, then the work.
 */
export async function onDevice<T>(
  deps: OnDeviceDeps,
  { owner, cycleId, step, device: asked, base, signal, report }: DeviceUse,
  run: Run<T>,
): Promise<T> {
  const { gpu } = deps;
  const device = await leasedDevice(gpu, asked);
  if (device === null) return run({ signal, onEvent: () => undefined });
  const lease = await holdLease(deps.store.gpuLeases, {
    host: gpu.host,
    device,
    owner,
    cycleId,
    step,
    signal,
    onWait: (held, message) => report(waitingEvent(held, message)),
  });
  report({ message: `It has the GPU of ${gpu.host} for itself.`, device }, 'log');
  const either = AbortSignal.any([signal, lease.lost]);
  try {
    const { waitSeconds, needGb } = gpu.settings();
    await makeRoom({
      ...gpu,
      device,
      need: needGb === null ? await weightsOf(base) : needGb * 1e9,
      waitMs: waitSeconds * 1000,
      signal: either,
      warn: (message) => report({ message }, 'warning'),
    });
    return await run({ signal: either, onEvent: (event) => noteEnd(event, lease.expect) });
  } catch (error) {
    if (lease.lost.aborted && !signal.aborted) throw lease.lost.reason;
    throw error;
  } finally {
    await lease.release();
  }
}

/** The device whose lease a job takes; null where it takes none. */
export async function leasedDevice(
  { machine, settings }: Pick<SharedGpu, 'machine' | 'settings'>,
  asked: 'auto' | 'cpu' | 'cuda',
): Promise<Device | null> {
  const { lease } = settings();
  if (lease === 'never') return null;
  const onGpu = asked === 'cuda' || (asked === 'auto' && (await machine.hasGpu()));
  if (onGpu) return 'gpu';
  return lease === 'always' ? 'cpu' : null;
}

function noteEnd(event: JobEvent, expect: (end: number) => void): void {
  if (event.event === 'step') expect(Date.now() + event.eta_seconds * 1000);
}

/** Bytes of a base's weights, which are the least that training on it takes. */
async function weightsOf(folder: string): Promise<number> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
