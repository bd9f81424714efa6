import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExportResult, JobOf } from '../core/job.ts';
import { plainExportJob } from './make-job.ts';
import { runJob } from './run-job.ts';
import type { WarmPython } from './warm-python.ts';

export interface ExportModelDeps {
  dataDir: string;
  /** The Python that holds LitGPT; PartMissing when there is none. */
  python: () => string;
  warmPython: WarmPython;
}

/** Seconds without a sign of life: large models are written in silence. */
const stallSeconds = 1800;

/** What the names of its folders under the data folder begin with. */
export const exportPrefix = 'export-';

export interface ExportModelRequest {
  /** Folder of the base in Hugging Face layout. */
  base: string;
  spec: JobOf<'export'>['export'];
  signal?: AbortSignal | undefined;
  /** Told where it is written, before it is. */
  onWork?: (folder: string) => void;
}

/** Writes a base, or an adapter on it, in a format, into a new folder under the data folder, which the caller removes. */
export async function exportModel(
  deps: ExportModelDeps,
  { base, spec, signal, onWork }: ExportModelRequest,
): Promise<ExportResult> {
  await mkdir(deps.dataDir, { recursive: true });
  const work = await mkdtemp(join(deps.dataDir, exportPrefix));
  onWork?.(work);
  try {
    const job = plainExportJob({ dataDir: deps.dataDir, base, work, key: 'export' }, spec);
    const never = new AbortController().signal;
    const options = { python: deps.python(), warm: deps.warmPython, signal: signal ?? never, stallSeconds };
    const made = await runJob(job, options);
    const kept = `${work}-${made.format}`;
    await rename(made.path, kept);
    return { ...made, path: kept };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
