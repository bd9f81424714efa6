import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../core/canonical.ts';
import { type DatasetManifest, type DatasetRow, type Split, splits } from '../core/dataset.ts';
import { RatchetError, isErrno } from '../core/errors.ts';
import { sha256Hex } from '../store/digest.ts';
import { uuidv7 } from '../store/ids.ts';
import { datasetCard } from './card.ts';

export type RowsBySplit = Readonly<Record<Split, readonly DatasetRow[]>>;

/** What the manifest says beside the figures of the files. */
export type ManifestFacts = Pick<DatasetManifest, 'name' | 'recipe' | 'collection' | 'signals' | 'stages'>;

/** The folder of a dataset version. */
export function datasetFolder(datasetsDir: string, name: string, digest: string): string {
  return join(datasetsDir, name, digest);
}

/**
 * Writes a dataset version to `<datasetsDir>/<name>/<digest>/`: aside, synced, then renamed into place. A version that is
 * there already is checked and left alone, and its own manifest is returned. Conflict when its files were changed.
 */
export async function writeDataset(
  datasetsDir: string,
  rows: RowsBySplit,
  facts: ManifestFacts,
): Promise<DatasetManifest> {
  const files = splitFiles(rows);
  const manifest = toManifest(rows, files, facts);
  const folder = datasetFolder(datasetsDir, facts.name, manifest.digest);
  const existing = await readVersion(folder, manifest);
  if (existing) return existing;

  const parent = join(datasetsDir, facts.name);
  const aside = join(parent, `.writing-${uuidv7()}`);
  await mkdir(aside, { recursive: true });
  try {
    for (const split of splits) await writeSynced(join(aside, `${split}.jsonl`), files[split]);
    await writeSynced(join(aside, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    await writeSynced(join(aside, 'README.md'), datasetCard(manifest));
    await syncFolder(aside);
    await rename(aside, folder);
    await syncFolder(parent);
    return manifest;
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    const raced = isErrno(error, 'ENOTEMPTY') || isErrno(error, 'EEXIST');
    const winner = raced ? await readVersion(folder, manifest) : null;
    if (winner) return winner;
    throw error;
  }
}

function splitFiles(rows: RowsBySplit): Record<Split, string> {
  const file = (split: Split): string => rows[split].map((row) => `${canonicalJson(row)}\n`).join('');
  return { train: file('train'), val: file('val'), test: file('test') };
}

function toManifest(rows: RowsBySplit, files: Record<Split, string>, facts: ManifestFacts): DatasetManifest {
  const figures = (split: Split): DatasetManifest['splits'][Split] => ({
    rows: rows[split].length,
    digest: sha256Hex(files[split]),
    bytes: Buffer.byteLength(files[split]),
  });
  const bySplit = { train: figures('train'), val: figures('val'), test: figures('test') };
  const digest = sha256Hex(canonicalJson(Object.fromEntries(splits.map((split) => [split, bySplit[split].digest]))));
  const { name, recipe, collection, signals, stages } = facts;
  return { schema: 1, name, digest, recipe, collection, splits: bySplit, signals, stages };
}

/** The manifest of a version on disk once its split files are seen to have the digests that are expected. */
async function readVersion(folder: string, expected: DatasetManifest): Promise<DatasetManifest | null> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  });
  if (text === null) return null;
  for (const split of splits) {
    const bytes = await readFile(join(folder, `${split}.jsonl`)).catch(() => Buffer.from(''));
    if (sha256Hex(bytes) !== expected.splits[split].digest) {
      throw new RatchetError(
        'Conflict',
        `${join(folder, `${split}.jsonl`)} was changed after it was built: move that folder away, then retry.`,
      );
    }
  }
  return JSON.parse(text) as DatasetManifest;
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
