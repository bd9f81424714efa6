import { type GpuLease, leaseLookMs } from '../../core/gpu.ts';
import type { Store } from '../../store/types.ts';

/** Whether this machine's GPU is lent, as one process sees it. */
export interface GpuWatch {
  /** Who holds it; null while nobody does. Costs nothing: what was seen at the last look, which is a second old at most. */
  holder(): GpuLease | null;
  /** Looks now. Never rejects. */
  look(): Promise<void>;
  stop(): void;
}

export interface GpuWatchOptions {
  leases: Pick<Store['gpuLeases'], 'held'>;
  /** Names the machine. */
  host: string;
  /** Told when a lease is over that was seen. */
  onFree: () => void;
}

/** Looks every second who holds the GPU of a machine. */
export function createGpuWatch({ leases, host, onFree }: GpuWatchOptions): GpuWatch {
  let lease: GpuLease | null = null;
  let looking: Promise<void> | null = null;

  async function read(): Promise<void> {
    const before = lease;
    try {
      lease = (await leases.held()).find((one) => one.host === host) ?? null;
    } catch {
      // Without the store the last word counts until it lapses.
      if (lease !== null && lease.expiresAt <= Date.now()) lease = null;
    }
    if (before !== null && lease === null) onFree();
  }

  const look = () => (looking ??= read().finally(() => (looking = null)));
  const timer = setInterval(() => void look(), leaseLookMs);
  timer.unref();
  return { holder: () => lease, look, stop: () => clearInterval(timer) };
}
