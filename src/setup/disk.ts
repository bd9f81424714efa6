import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { RatchetError } from '../core/errors.ts';

/** Free space, in MB, where a folder is or would be. */
export function freeMegabytes(folder: string): number {
  let present = folder;
  while (!existsSync(present) && dirname(present) !== present) present = dirname(present);
  const { bavail, bsize } = statfsSync(present);
  return Math.floor((bavail * bsize) / 1_000_000);
}

/** DiskFull, with both numbers, when there is too little. */
export function requireSpace(folder: string, megabytes: number): void {
  const free = freeMegabytes(folder);
  if (free >= megabytes) return;
  throw new RatchetError(
    'DiskFull',
    `The set-up needs ${gigabytes(megabytes)} free and ${folder} has ${gigabytes(free)}: free some space, or set RATCHET_CACHE_DIR to a larger disk.`,
    { details: { freeMegabytes: free, neededMegabytes: megabytes } },
  );
}

export function gigabytes(megabytes: number): string {
  return megabytes < 950 ? `${megabytes} MB` : `${(megabytes / 1000).toFixed(1)} GB`;
}
