import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Split } from '../core/dataset.ts';
import { createExportSource } from '../dataset/export/source.ts';
import type { Exporter } from '../dataset/export/types.ts';
import { type ExportManifest, writeExport } from '../dataset/export/write-export.ts';
import type { DatasetRecord } from '../store/types.ts';
import { removeLeftBehind } from './left-behind.ts';
import { tarOf } from './tar.ts';

/** An export that stands in a folder of its own until it was sent. */
export interface PreparedExport {
  manifest: ExportManifest;
  /** All files as a tar. The folder goes when the stream ends, however it ends. */
  tar(): Readable;
  /** The bytes of one file of the manifest; the folder goes as with `tar`. */
  file(name: string): Readable;
}

const prefix = '.exporting-';

/** Writes an export aside, so that its sizes, digests and losses are known before the first byte is sent. */
export async function prepareExport(
  deps: { datasetsDir: string },
  record: DatasetRecord,
  exporter: Exporter,
  splits: readonly Split[],
): Promise<PreparedExport> {
  await mkdir(deps.datasetsDir, { recursive: true });
  await removeLeftBehind(deps.datasetsDir, prefix);
  const folder = await mkdtemp(join(deps.datasetsDir, prefix));
  const away = (): void => void rm(folder, { recursive: true, force: true }).catch(() => undefined);
  try {
    const manifest = await writeExport(folder, exporter, createExportSource(deps, record), splits);
    const names = await readdir(folder);
    return {
      manifest,
      tar: () => tarOf(folder, names).once('close', away),
      file: (name) => createReadStream(join(folder, name)).once('close', away),
    };
  } catch (error) {
    away();
    throw error;
  }
}
