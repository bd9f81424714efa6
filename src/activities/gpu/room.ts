import { setTimeout as sleep } from 'node:timers/promises';
import { RatchetError, asRatchetError } from '../../core/errors.ts';
import { leaseLookMs } from '../../core/gpu.ts';
import type { Device, Machine } from '../../models/gpu/device.ts';
import type { LoadedModel, OllamaClient } from '../../models/ollama.ts';

export interface RoomOptions {
  ollama: Pick<OllamaClient, 'running' | 'unload'>;
  machine: Pick<Machine, 'free'>;
  host: string;
  device: Device;
  /** Bytes that training needs. */
  need: number;
  /** How long is waited, in ms. */
  waitMs: number;
  signal: AbortSignal;
  warn: (message: string) => void;
}

const pollMs = 250;
/** By then every process that asks local models has seen the lease, and sends nothing more to the GPU. */
const seenByAllMs = leaseLookMs + 500;

/** Who asks Ollama directly has the model loaded again within a moment: it is gone when it has been for so long, in ms. */
const goneForMs = 700;

interface Look {
  models: readonly LoadedModel[];
  /** Null where nobody tells. */
  free: number | null;
}

/** What was seen at the end of the wait. */
interface Seen {
  free: number | null;
  /** Names of models that were there although they had been asked to go. */
  kept: readonly string[];
}

/**
 * Has Ollama unload what is in the memory that training is about to use, again and again until nothing is there and there is
 * enough of it. What loads models by asking Ollama directly can keep this from ever being so: after the limit training goes
 * on beside it where the memory suffices, with a warning. Throws GpuBusy where it does not.
 */
export async function makeRoom(options: RoomOptions): Promise<void> {
  const { need, waitMs, signal, warn } = options;
  const started = performance.now();
  let lastSeenAt = -Infinity;
  const kept = new Set<string>();
  for (;;) {
    const { models, free } = await look(options);
    const waited = performance.now() - started;
    if (models.length > 0) lastSeenAt = waited;
    if (waited >= seenByAllMs) {
      for (const { name } of models) kept.add(name);
      const suffices = free === null || free >= need;
      const isEmpty = waited - lastSeenAt >= goneForMs;
      if (isEmpty && suffices) return;
      if (waited >= waitMs) return settle(options, { free, kept: isEmpty ? [] : [...kept] }, suffices, warn);
    }
    await sleep(pollMs, undefined, { signal });
  }
}

function settle(options: RoomOptions, seen: Seen, suffices: boolean, warn: (message: string) => void): void {
  if (!suffices) throw new RatchetError('GpuBusy', fullMessage(options, seen));
  warn(keptMessage(options, seen));
}

async function look({ ollama, machine, device, signal }: RoomOptions): Promise<Look> {
  const running = await ollama.running(signal).catch((error: unknown) => {
    // Who is not there has nothing loaded.
    if (asRatchetError(error).code === 'ProviderUnavailable' && !signal.aborted) return [];
    throw error;
  });
  // On a GPU machine those that answer on the CPU meanwhile are in nobody's way.
  const models = device === 'gpu' ? running.filter(({ sizeVram }) => sizeVram > 0) : running;
  for (const { name } of models) await ollama.unload(name, signal);
  return { models, free: await machine.free(device) };
}

function keptMessage({ host, device, waitMs, need }: RoomOptions, { kept, free }: Seen): string {
  const told =
    free === null ? 'nobody tells how much memory is free' : `${gb(free)} GB are free for at least ${gb(need)}`;
  return (
    `Ollama was asked to unload ${kept.join(', ')} from ${memoryOf(device, host)}, and it was loaded again for ${seconds(waitMs)}: ` +
    `somebody asks Ollama directly, without Ratchet. Training goes on beside it, since ${told}.`
  );
}

function fullMessage({ host, device, waitMs, need }: RoomOptions, { kept, free }: Seen): string {
  const why =
    kept.length > 0
      ? `somebody who asks Ollama directly keeps ${kept.join(', ')} there: stop that, or let it ask Ratchet`
      : 'another program uses it: end that';
  return (
    `After ${seconds(waitMs)} ${memoryOf(device, host)} has ${gb(free ?? 0)} GB free, and training needs at least ${gb(need)}; ${why}. ` +
    'It is tried again.'
  );
}

function memoryOf(device: Device, host: string): string {
  return device === 'gpu' ? `the memory of the GPU of ${host}` : `the memory of ${host}`;
}

function gb(bytes: number): string {
  return (bytes / 1e9).toFixed(bytes < 1e9 ? 3 : 1);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
