import { freemem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { asRatchetError } from '../core/errors.ts';
import { type GpuLease, type GpuSettings, isOnGpu, leaseLookMs } from '../core/gpu.ts';
import { bringBack } from '../models/gpu/back.ts';
import { lendingGpu } from '../models/gpu/lent.ts';
import { createRam } from '../models/gpu/ram.ts';
import { createGpuWatch } from '../models/gpu/watch.ts';
import type { OllamaClient } from '../models/ollama.ts';
import type { Provider } from '../providers/types.ts';
import type { SettingsReader } from '../settings.ts';
import type { Store } from '../store/types.ts';

export interface GpuRoomDeps {
  store: Pick<Store, 'gpuLeases'>;
  settings: Pick<SettingsReader, 'current'>;
  /** Names the machine. */
  host: string;
  /** Manages the Ollama of a provider. */
  ollamaOf: (provider: string) => OllamaClient;
}

/** How local models keep away from the GPU while training has it. */
export interface GpuRoom {
  readonly host: string;
  settings(): GpuSettings;
  holder(): GpuLease | null;
  /** Looks who has it now. */
  look(): Promise<void>;
  /** The same provider, which keeps away. */
  keepingAway(provider: Provider): Provider;
  close(): void;
}

/** Furnishes what knows whether the GPU is lent. */
export function openGpuRoom({ store, settings, host, ollamaOf }: GpuRoomDeps): GpuRoom {
  const current = () => settings.current().gpu;
  /** Models that were loaded without the GPU, by provider. */
  const onCpu = new Map<string, Set<string>>();
  const watch = createGpuWatch({ leases: store.gpuLeases, host, onFree: bringAllBack });
  const rams = new Map<OllamaClient, ReturnType<typeof createRam>>();

  function bringAllBack(): void {
    for (const [provider, models] of onCpu) void bringBack(ollamaOf(provider), models, () => watch.holder() !== null);
    onCpu.clear();
  }

  function ramOf(provider: string): ReturnType<typeof createRam> {
    const ollama = ollamaOf(provider);
    const ram = rams.get(ollama) ?? createRam({ ollama, free: freemem, limit: () => bytesOf(current().cpuGb) });
    rams.set(ollama, ram);
    return ram;
  }

  return {
    host,
    settings: current,
    holder: watch.holder,
    look: watch.look,
    keepingAway: (provider) =>
      lendingGpu(provider, {
        holder: watch.holder,
        usesGpu: (one) => usesGpu(one, settings),
        fits: ({ name }, model) => ramOf(name)(model),
        sentToCpu: ({ name }, model) => onCpu.set(name, (onCpu.get(name) ?? new Set<string>()).add(model)),
      }),
    close: watch.stop,
  };
}

/** Asks again and again until the answer is not that the GPU is busy. Rejects with the signal's error when it is aborted. */
export async function untilGpuFree<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (asRatchetError(error).code !== 'GpuBusy') throw error;
      await sleep(leaseLookMs, undefined, { signal });
    }
  }
}

function usesGpu({ name, kind, locality }: Provider, settings: Pick<SettingsReader, 'current'>): boolean {
  const said = settings.current().providers.get(name);
  return said?.gpu ?? isOnGpu({ kind, locality: said?.locality ?? locality });
}

function bytesOf(gb: number | null): number | null {
  return gb === null ? null : gb * 1e9;
}
