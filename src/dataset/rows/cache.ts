import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson } from '../../core/canonical.ts';
import { uuidv7 } from '../../store/ids.ts';
import type { Assembled } from '../assemble.ts';
import { type Kind, kinds } from '../entry.ts';
import { nearVersion } from '../near/signature.ts';
import { type RecordFile, createRecordFile, openRecordFile } from './record-file.ts';
import { decodeResult, encodeResult } from './result-bytes.ts';
import type { RowOptions, RowResult } from './types.ts';

/** Changes whenever a row stage says something else of some row than before. */
const rowsVersion = 1;
/** How many recipes' results are kept. */
const mostFiles = 4;
const ending = '.rows';
/** How old a file has to be that no build can be writing any more, in ms. */
const leftBehind = 24 * 3_600_000;

/**
 * What the row stages said of the rows of the last build with the same options, by the rows' content, without a word of them. It is
 * read along with the rows, both being in the order of a collection, so that it needs no index and no memory.
 */
export interface RowCache {
  /** What was said of this row, where its content is the same; rows are asked for in their order. */
  take(entry: Assembled): RowResult | undefined;
  /** Keeps what was said of a row, in the same order. */
  put(entry: Assembled, result: RowResult): void;
  /** Puts what was kept in the place of what was there. */
  commit(): void;
  /** Ends without keeping anything; does nothing after `commit`. */
  close(): void;
}

/** Opens what is kept in a folder for these options. A file that is damaged counts as none from there on. */
export function openRowCache(folder: string, options: RowOptions): RowCache {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const versions = { near: nearVersion, rows: rowsVersion };
  const path = join(folder, `${hash('sha256', canonicalJson({ options, versions })).slice(0, 32)}${ending}`);
  const aside = `${path}.${uuidv7()}`;
  const old = openRecordFile(path);
  const fresh: RecordFile = createRecordFile(aside);
  const keys = new WeakMap<Assembled, string>();
  /** Of rows of which something was known: it is kept as it stood there. */
  const bodies = new WeakMap<Assembled, Buffer>();
  let head = old.next();
  let open = true;

  function keyOf(entry: Assembled): string {
    const key = keys.get(entry) ?? contentKey(entry);
    keys.set(entry, key);
    return key;
  }

  return {
    take(entry) {
      const { kind, id } = entry;
      while (head && compare(kinds[head.kind] ?? 'prefer', head.id, kind, id) < 0) head = old.next();
      if (!head || head.id !== id || kinds[head.kind] !== kind || head.key !== keyOf(entry)) return undefined;
      bodies.set(entry, head.body);
      return decodeResult(entry, head.body);
    },
    put(entry, result) {
      const body = bodies.get(entry) ?? encodeResult(entry, result);
      if (body) fresh.add({ kind: kinds.indexOf(entry.kind), id: entry.id, key: keyOf(entry), body });
    },
    commit() {
      old.close();
      fresh.close();
      open = false;
      // Whoever forgets takes the folder away, with what was being written.
      if (!existsSync(aside)) return;
      renameSync(aside, path);
      removeOldest(folder);
    },
    close() {
      if (!open) return;
      open = false;
      old.close();
      fresh.close();
      rmSync(aside, { force: true });
    },
  };
}

/** Names everything that the row stages look at: 128 bits of SHA-256, as latin1. */
function contentKey(entry: Assembled): string {
  if ('fault' in entry) return hash('sha256', entry.fault, 'binary').slice(0, 16);
  const { messages, against, tools, author, cutOff, node } = entry;
  const looked = JSON.stringify([messages, against, tools, author === 'person', cutOff, node === null]);
  return hash('sha256', looked, 'binary').slice(0, 16);
}

/** The order of a collection: kinds, then completions, then choices as numbers. */
function compare(kindA: Kind, idA: string, kindB: Kind, idB: string): number {
  if (kindA !== kindB) return kinds.indexOf(kindA) - kinds.indexOf(kindB);
  if (idA === idB) return 0;
  const [partsA, partsB] = [idA.split(/[.>]/u), idB.split(/[.>]/u)];
  for (const [at, a] of partsA.entries()) {
    const b = partsB[at] ?? '';
    if (a === b) continue;
    return at % 2 === 1 ? Number(a) - Number(b) : a < b ? -1 : 1;
  }
  return -1;
}

/** Keeps the newest files, and none that a build which was killed left behind. */
function removeOldest(folder: string): void {
  const files = readdirSync(folder).map((name) => ({ name, path: join(folder, name), age: ageOf(join(folder, name)) }));
  const whole = files.filter(({ name }) => name.endsWith(ending)).sort((a, b) => a.age - b.age);
  const torn = files.filter(({ name, age }) => !name.endsWith(ending) && age > leftBehind);
  for (const { path } of [...whole.slice(mostFiles), ...torn]) rmSync(path, { force: true });
}

/** In ms. */
function ageOf(path: string): number {
  const { mtimeMs = Date.now() } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return Date.now() - mtimeMs;
}
