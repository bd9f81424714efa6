import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Pack, pack } from 'tar-stream';
import type { Split } from '../core/dataset.ts';
import { createExportSource } from '../dataset/export/source.ts';
import type { Exporter } from '../dataset/export/types.ts';
import { type ExportManifest, writeExport } from '../dataset/export/write-export.ts';
import type { DatasetRecord } from '../store/types.ts';

/** An export that stands in a folder of its own until it was sent. */
export interface PreparedExport {
  manifest: ExportManifest;
  /** All files as a tar. The folder goes when the stream ends, however it ends. */
  tar(): Readable;
  /** The bytes of one file of the manifest; the folder goes as with `tar`. */
  file(name: string): Readable;
}

const prefix = '.exporting-';
/** What is older was left by a process that died, in ms. */
const leftBehind = 24 * 3600 * 1000;

/** Writes an export aside, so that its sizes, digests and losses are known before the first byte is sent. */
export async function prepareExport(
  deps: { datasetsDir: string },
  record: DatasetRecord,
  exporter: Exporter,
  splits: readonly Split[],
): Promise<PreparedExport> {
  await mkdir(deps.datasetsDir, { recursive: true });
  await sweep(deps.datasetsDir);
  const folder = await mkdtemp(join(deps.datasetsDir, prefix));
  const away = (): void => void rm(folder, { recursive: true, force: true }).catch(() => undefined);
  try {
    const manifest = await writeExport(folder, exporter, createExportSource(deps, record), splits);
    const names = await readdir(folder);
    return {
      manifest,
      tar: () => packed(folder, names.sort()).once('close', away),
      file: (name) => createReadStream(join(folder, name)).once('close', away),
    };
  } catch (error) {
    away();
    throw error;
  }
}

function packed(folder: string, names: readonly string[]): Readable {
  const tar = pack();
  fill(tar, folder, names).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  // What tar-stream gives is a stream of another make.
  return Readable.from(tar);
}

async function fill(tar: Pack, folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(folder, name);
    const { size } = await stat(path);
    // No time of day: equal exports are equal bytes.
    const entry = tar.entry({ name, size, mode: 0o644, mtime: new Date(0) });
    await pipeline(createReadStream(path), entry);
  }
}

async function sweep(datasetsDir: string): Promise<void> {
  for (const name of await readdir(datasetsDir)) {
    if (!name.startsWith(prefix)) continue;
    const { mtimeMs } = await stat(join(datasetsDir, name)).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > leftBehind) await rm(join(datasetsDir, name), { recursive: true, force: true });
  }
}
