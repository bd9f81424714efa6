import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type JsonObject, canonicalJson } from '../../core/canonical.ts';
import type { Split } from '../../core/dataset.ts';
import { sha256Hex } from '../../store/digest.ts';
import type { RedactedManifest } from '../forget/redacted.ts';
import { type Losses, createTally } from './tally.ts';
import type { ExportSource, ExportedFile, Exporter, Note } from './types.ts';

/** `manifest.json` of an export. It holds no time, so that equal inputs give equal bytes. */
export interface ExportManifest extends Losses {
  schema: 1;
  format: string;
  dataset: { name: string; digest: string };
  /** Rows that the version lost before the export, because somebody was to be forgotten. */
  redacted?: { rows: number };
  /** SHA-256 over the digests of the files; names the export. */
  digest: string;
  files: ExportedFile[];
}

/** Name of the file that tells what an export is. */
export const manifestFile = 'manifest.json';

/** Writes the files of some splits, what belongs beside them, and last the manifest into a folder that is there. */
export async function writeExport(
  folder: string,
  exporter: Exporter,
  source: ExportSource,
  splits: readonly Split[],
): Promise<ExportManifest> {
  const { manifest } = source;
  const { note, losses } = createTally();
  const files: ExportedFile[] = [];
  const columns = new Map<string, Set<string>>();
  for (const split of splits) {
    const file = await writeSplit(folder, exporter, source, split, note);
    files.push(file.exported);
    columns.set(file.exported.name, file.columns);
  }
  for (const { name, text } of exporter.beside?.({ manifest, files, columns }) ?? []) {
    await writeFile(join(folder, name), [Buffer.from(text)]);
  }
  const digest = sha256Hex(canonicalJson(Object.fromEntries(files.map((file) => [file.name, file.digest]))));
  const { name, digest: version } = manifest;
  const dataset = { name, digest: version };
  const { redacted } = manifest as RedactedManifest;
  const mark = redacted && { redacted };
  const told: ExportManifest = { schema: 1, format: exporter.format, dataset, ...mark, digest, files, ...losses };
  await writeFile(join(folder, manifestFile), [Buffer.from(`${JSON.stringify(told, null, 2)}\n`)]);
  return told;
}

async function writeSplit(
  folder: string,
  { encoding, nameOf, examples }: Exporter,
  source: ExportSource,
  split: Split,
  note: Note,
): Promise<{ exported: ExportedFile; columns: Set<string> }> {
  const name = `${nameOf?.(split) ?? split}${encoding.extension}`;
  const columns = new Set<string>();
  let rows = 0;
  const seen = watch(examples(source, split, note), (example) => {
    rows += 1;
    for (const column of Object.keys(example)) columns.add(column);
  });
  const { bytes, digest } = await writeFile(join(folder, name), encoding.encode(seen));
  return { exported: { name, split, rows, bytes, digest }, columns };
}

async function* watch(
  examples: AsyncIterable<JsonObject>,
  see: (example: JsonObject) => void,
): AsyncGenerator<JsonObject> {
  for await (const example of examples) {
    see(example);
    yield example;
  }
}

async function writeFile(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<{ bytes: number; digest: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  const seen = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  };
  await pipeline(seen, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  return { bytes, digest: hash.digest('hex') };
}
