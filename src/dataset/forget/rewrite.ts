import { open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type JsonObject, isObject } from '../../core/canonical.ts';
import { isErrno } from '../../core/errors.ts';
import { writeFileDurably } from '../../store/files.ts';
import { uuidv7 } from '../../store/ids.ts';
import { linesOf } from '../../store/lines.ts';
import type { RedactedManifest } from './redacted.ts';

/** Which lines of a version's files have to go. */
export interface Going {
  /** Ids of rows. */
  rows: ReadonlySet<string>;
  /** Completions of which nothing may stay. */
  completions: ReadonlySet<string>;
}

/** What went from a version's files. */
export interface Gone {
  lines: number;
  /** Nodes of the lines that went. */
  nodes: Set<string>;
}

/** These hold ids only. */
const withoutText: ReadonlySet<string> = new Set(['joins.jsonl', 'left-out.jsonl', 'aside.jsonl']);
/** How the file begins that is being written in place of another. */
const aside = '.forgetting-';

/**
 * Takes lines out of the files of a version: each is written aside, synced and renamed, so that whoever reads sees it whole, as
 * it was or as it is. With `look` nothing is changed. A folder that is not there has nothing to go.
 */
export async function takeOut(folder: string, going: Going, look = false): Promise<Gone> {
  const gone: Gone = { lines: 0, nodes: new Set() };
  for (const name of await namesIn(folder)) {
    if (!look && name.startsWith(aside)) await rm(join(folder, name), { force: true });
    if (!name.endsWith('.jsonl') || name.startsWith('.') || withoutText.has(name)) continue;
    const found = await goingIn(join(folder, name), going);
    for (const node of found.nodes) gone.nodes.add(node);
    gone.lines += found.lines;
    if (found.lines > 0 && !look) await rewrite(folder, name, going);
  }
  return gone;
}

/** The number of rows in each file of a version. */
export async function countRows(folder: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const name of await namesIn(folder)) {
    if (!name.endsWith('.jsonl') || name.startsWith('.') || withoutText.has(name)) continue;
    let rows = 0;
    for await (const line of linesOf(join(folder, name))) rows += Number(line !== '');
    counts.set(name, rows);
  }
  return counts;
}

/** Marks the manifest and the card of a version; the digests stay those of what was built. Null when there is no manifest. */
export async function markManifest(folder: string): Promise<RedactedManifest | null> {
  const path = join(folder, 'manifest.json');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  });
  if (text === null) return null;
  const manifest = JSON.parse(text) as RedactedManifest;
  const rows = lostRows(manifest, await countRows(folder));
  const marked = { ...manifest, redacted: { rows } };
  await writeFileDurably(path, `${JSON.stringify(marked, null, 2)}\n`);
  await markCard(join(folder, 'README.md'), rows);
  return marked;
}

/** Pairs of nodes that were joined in a version, from its `joins.jsonl`; older versions have none. */
export async function joinsOf(folder: string, nodes: ReadonlySet<string>): Promise<Map<string, Set<string>>> {
  const joined = new Map<string, Set<string>>();
  if (!(await namesIn(folder)).includes('joins.jsonl')) return joined;
  for await (const line of linesOf(join(folder, 'joins.jsonl'))) {
    const together: unknown = line === '' ? [] : JSON.parse(line);
    if (!Array.isArray(together)) continue;
    for (const node of together as string[]) {
      if (!nodes.has(node)) continue;
      const others = joined.get(node) ?? new Set();
      for (const other of together as string[]) if (other !== node) others.add(other);
      joined.set(node, others);
    }
  }
  return joined;
}

async function rewrite(folder: string, name: string, going: Going): Promise<void> {
  const path = join(folder, `${aside}${uuidv7()}`);
  const file = await open(path, 'wx', 0o644);
  try {
    let held: string[] = [];
    const flush = async () => {
      if (held.length > 0) await file.appendFile(held.join(''));
      held = [];
    };
    for await (const line of linesOf(join(folder, name))) {
      if (goes(line, going) !== null) continue;
      held.push(`${line}\n`);
      if (held.length >= 1_000) await flush();
    }
    await flush();
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(path, join(folder, name));
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

async function goingIn(path: string, going: Going): Promise<Gone> {
  const gone: Gone = { lines: 0, nodes: new Set() };
  for await (const line of linesOf(path)) {
    const row = goes(line, going);
    if (row === null) continue;
    gone.lines += 1;
    const { meta } = row;
    if (isObject(meta) && typeof meta.node === 'string' && meta.node !== '') gone.nodes.add(meta.node);
  }
  return gone;
}

interface RowMeta {
  completion?: string | null;
  choice?: number | null;
  kind?: string;
  anchor?: string | null;
}

/** The row of a line that has to go; null of one that stays. A preference rests on feedback of its own. */
function goes(line: string, { rows, completions }: Going): JsonObject | null {
  if (line === '') return null;
  const row = JSON.parse(line) as JsonObject;
  const { id = '', meta = {} } = row as { id?: string; meta?: RowMeta };
  const { kind, choice = 0, anchor } = meta;
  // Of a replayed answer the prompt may be somebody's.
  const completion = meta.completion ?? anchor ?? '';
  const rests = rows.has(id) || (kind !== 'preference' && rows.has(`${completion}.${choice}`));
  const named = [completion, ...id.split('>').map((part) => part.slice(0, part.lastIndexOf('.')))];
  return rests || named.some((one) => completions.has(one)) ? row : null;
}

/** Rows that the manifest tells of and that are not there: right however often files were rewritten. */
function lostRows(manifest: RedactedManifest, now: ReadonlyMap<string, number>): number {
  const { splits, files = {} } = manifest;
  const built: [string, number][] = [
    ...Object.entries(splits).map(([split, { rows }]): [string, number] => [`${split}.jsonl`, rows]),
    ...Object.entries(files).map(([name, { rows }]): [string, number] => [name, rows]),
  ];
  return built.reduce((sum, [name, rows]) => sum + (withoutText.has(name) ? 0 : rows - (now.get(name) ?? 0)), 0);
}

const heading = '\n## What is not here any more\n';

async function markCard(path: string, rows: number): Promise<void> {
  const card = await readFile(path, 'utf8').catch(() => null);
  if (card === null) return;
  const [before = ''] = card.split(heading);
  const told = `\nRows that were taken out since the version was built, because somebody was to be forgotten: ${rows}. The figures above are those of the version as it was built.\n`;
  await writeFileDurably(path, `${before}${heading}${told}`);
}

async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  });
  return names.sort();
}
