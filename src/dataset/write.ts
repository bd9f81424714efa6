import { type Hash, createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../core/canonical.ts';
import {
  type DatasetFile,
  type DatasetManifest,
  type FileFigures,
  type Split,
  datasetFiles,
  splits,
} from '../core/dataset.ts';
import { RatchetError, isErrno } from '../core/errors.ts';
import { sha256Hex } from '../store/digest.ts';
import { datasetCard } from './card.ts';
import { makeScratch } from './scratch.ts';

/** What the manifest says beside the figures of the files. */
export type ManifestFacts = Pick<
  DatasetManifest,
  'name' | 'recipe' | 'collection' | 'replay' | 'signals' | 'stages' | 'leaks'
>;

/** Lines of the files of a version, in the order in which they are to stand. */
export type Lines = Iterable<readonly [DatasetFile, unknown]> | AsyncIterable<readonly [DatasetFile, unknown]>;

/** The folder of a dataset version. */
export function datasetFolder(datasetsDir: string, name: string, digest: string): string {
  return join(datasetsDir, name, digest);
}

/**
 * Writes a dataset version to `<datasetsDir>/<name>/<digest>/`: aside, synced, then renamed into place. A version that is
 * there already is checked and left alone, and its own manifest is returned. Conflict when its files were changed.
 */
export async function writeDataset(datasetsDir: string, lines: Lines, facts: ManifestFacts): Promise<DatasetManifest> {
  const scratch = await makeScratch(datasetsDir);
  const aside = join(scratch, 'version');
  await mkdir(aside);
  await mkdir(join(datasetsDir, facts.name), { recursive: true });
  try {
    const manifest = toManifest(await writeLines(aside, lines), facts);
    const folder = datasetFolder(datasetsDir, facts.name, manifest.digest);
    await writeSynced(join(aside, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    await writeSynced(join(aside, 'README.md'), datasetCard(manifest));
    await syncFolder(aside);
    return (await readVersion(folder, manifest)) ?? (await putInPlace(aside, folder, manifest));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function putInPlace(aside: string, folder: string, manifest: DatasetManifest): Promise<DatasetManifest> {
  try {
    await rename(aside, folder);
    await syncFolder(join(folder, '..'));
    return manifest;
  } catch (error) {
    const raced = isErrno(error, 'ENOTEMPTY') || isErrno(error, 'EEXIST');
    const winner = raced ? await readVersion(folder, manifest) : null;
    if (winner) return winner;
    throw error;
  }
}

type Figures = Record<DatasetFile, FileFigures>;

async function writeLines(folder: string, lines: Lines): Promise<Figures> {
  const files = new Map<DatasetFile, LineFile>();
  try {
    for (const name of datasetFiles) files.set(name, await openLines(join(folder, name)));
    for await (const [name, line] of lines) {
      const writing = files.get(name)?.add(line);
      if (writing) await writing;
    }
    const figures: [DatasetFile, FileFigures][] = [];
    for (const [name, file] of files) figures.push([name, await file.end()]);
    return Object.fromEntries(figures) as Figures;
  } finally {
    for (const file of files.values()) await file.close();
  }
}

interface LineFile {
  /** Adds a line; a promise when there was so much that it was written. */
  add(line: unknown): Promise<void> | undefined;
  /** Writes and syncs the rest. */
  end(): Promise<FileFigures>;
  close(): Promise<void>;
}

/** In characters. */
const chunk = 2 ** 18;

async function openLines(path: string): Promise<LineFile> {
  const file: FileHandle = await open(path, 'wx', 0o644);
  const digest: Hash = createHash('sha256');
  let [pending, rows, bytes] = ['', 0, 0];

  async function flush(): Promise<void> {
    const data = Buffer.from(pending);
    pending = '';
    bytes += data.length;
    digest.update(data);
    await file.writeFile(data);
  }

  return {
    add(line) {
      pending += `${canonicalJson(line)}\n`;
      rows += 1;
      return pending.length < chunk ? undefined : flush();
    },
    async end() {
      await flush();
      await file.sync();
      return { rows, digest: digest.digest('hex'), bytes };
    },
    close: () => file.close(),
  };
}

function toManifest(figures: Figures, facts: ManifestFacts): DatasetManifest {
  const of = (split: Split): FileFigures => figures[`${split}.jsonl`];
  const others = datasetFiles.filter((name) => !splits.some((split) => name === `${split}.jsonl`));
  const digests = datasetFiles.map((name) => [name, figures[name].digest] as const);
  const { name, recipe, collection, replay, signals, stages, leaks } = facts;
  return {
    schema: 2,
    name,
    digest: sha256Hex(canonicalJson(Object.fromEntries(digests))),
    recipe,
    collection,
    ...(replay !== undefined && { replay }),
    splits: { train: of('train'), val: of('val'), test: of('test') },
    files: Object.fromEntries(others.map((file) => [file, figures[file]])),
    signals,
    stages,
    ...(leaks && { leaks }),
  };
}

/** The manifest of a version on disk once its files are seen to have the digests that are expected. */
async function readVersion(folder: string, expected: DatasetManifest): Promise<DatasetManifest | null> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  });
  if (text === null) return null;
  for (const [name, { digest }] of filesOf(expected)) {
    const path = join(folder, name);
    if ((await digestOf(path)) === digest) continue;
    throw new RatchetError('Conflict', `${path} was changed after it was built: move that folder away, then retry.`);
  }
  return JSON.parse(text) as DatasetManifest;
}

/** The figures of every file of a version, by its name. */
export function filesOf({ splits: bySplit, files = {} }: DatasetManifest): [string, FileFigures][] {
  return [
    ...splits.map((split) => [`${split}.jsonl`, bySplit[split]] as [string, FileFigures]),
    ...Object.entries(files),
  ];
}

/** SHA-256 of a file, hex; of nothing where it is not there. */
async function digestOf(path: string): Promise<string> {
  const digest = createHash('sha256');
  try {
    for await (const data of createReadStream(path)) digest.update(data as Buffer);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  return digest.digest('hex');
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
