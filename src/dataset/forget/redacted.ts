import type { DatasetManifest } from '../../core/dataset.ts';
import { RatchetError } from '../../core/errors.ts';
import type { DatasetRecord, Store } from '../../store/types.ts';

/** A manifest of a version that lost rows. Its digests are those of the files as they were built. */
export type RedactedManifest = DatasetManifest & { redacted?: { rows: number } };

/** One sentence about what a version lost; null of a whole one. */
export function tellRedacted({ redacted }: Pick<DatasetRecord, 'redacted'>): string | null {
  if (!redacted) return null;
  const rows = redacted.rows === 1 ? '1 row' : `${redacted.rows} rows`;
  return `${rows} were taken out since it was built, because somebody was to be forgotten.`.replace(
    '1 row were',
    '1 row was',
  );
}

/** Throws Conflict unless a version is as it was built: what was forgotten must not be learned, nor measured. */
export async function refuseRedacted({ datasets }: Pick<Store, 'datasets'>, digest: string): Promise<void> {
  const version = await datasets.get(digest);
  const told = version && tellRedacted(version);
  if (!told) return;
  throw new RatchetError(
    'Conflict',
    `The dataset version ${digest} is redacted, ${told.slice(0, -1)}: build a new one, from collect.`,
  );
}
