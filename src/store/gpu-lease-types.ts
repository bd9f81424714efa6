import type { GpuLease, GpuPlace } from '../core/gpu.ts';
import type { Millis } from './types.ts';

export type NewGpuLease = Omit<GpuLease, 'acquiredAt' | 'expiresAt'> & {
  /** How long it lasts unless it is renewed. */
  ttlMs: Millis;
};

/** The leases of GPUs. One that is not renewed in time counts as given back, by the database's clock. */
export interface GpuLeaseStore {
  /**
   * Takes the lease where nobody has it, where it has lapsed, and where `owner` has it already, whose new holder then has
   * it. Returns the lease as it is afterwards: it was taken when its `holder` is the one asked for.
   */
  take(lease: NewGpuLease): Promise<GpuLease>;
  /** Prolongs it; false when `holder` does not have it any more. */
  renew(place: GpuPlace, holder: string, change: { ttlMs: number; expectedEnd?: Millis | null }): Promise<boolean>;
  /** Gives it back; nothing where `holder` does not have it. */
  release(place: GpuPlace, holder: string): Promise<void>;
  /** Those that have not lapsed. */
  held(): Promise<GpuLease[]>;
}
