import { hash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { canonicalJson } from '../../core/canonical.ts';
import { uuidv7 } from '../../store/ids.ts';
import type { Assembled } from '../assemble.ts';
import { type Kind, kinds } from '../entry.ts';
import { nearVersion } from '../near/signature.ts';
import { type Numbers, createNumbers } from '../numbers.ts';
import { isLeftBehind, ownedName } from '../owned.ts';
import type { Block } from './block.ts';
import { type Holding, type OpenBlockFile, createBlockFile, openBlockFile } from './block-file.ts';
import { type KnownRun, eachInOrder } from './known-run.ts';
import { type SegmentName, type Segments, createSegment } from './segments.ts';
import { resultTold, tellResult } from './told-result.ts';
import type { RowOptions, RowResult } from './types.ts';

/** Changes whenever a row stage says something else of some row than before, or it is kept in another form. */
const rowsVersion = 8;
/** How many recipes' results are kept. */
const mostFiles = 4;
const ending = '.rows';
const findingsEnding = '.findings';
const segmentEnding = '.shingles';
/** Every build with new rows adds a segment of their shingles; of so many one is made. */
const mostSegments = 16;
/** When fewer than this of their shingles are of rows that are there, one is made as well. */
const leastInUse = 1 / 2;
const prefix = '.writing-';

/**
 * What the row stages said of the rows of the last build with the same options, by the rows' content, without a word of them. It is
 * read along with the rows, both being in the order of a collection, so that it needs no index and no memory.
 */
export interface RowCache {
  /** Where these rows are among those of the last build, for what is kept of comparing them. */
  readonly history: RowHistory;
  /** Shingles of rows of which it is known what was said; whoever opened the cache closes them. */
  readonly segments: Segments;
  /** What was said of these rows, of each where its content is the same; rows are asked for in their order. */
  take(entries: readonly Assembled[]): Taken;
  /** Keeps what was said of rows that were asked for together, in the same order. */
  put(entries: readonly Assembled[], results: readonly RowResult[], taken: Taken): void;
  /** Lets go of what is known of rows that were put, once nobody looks at it any more. */
  letGo(taken: Taken): void;
  /** Puts what was kept in the place of what was there. */
  commit(): void;
  /** Ends without keeping anything; does nothing after `commit`. */
  close(): void;
}

/** What is known of rows that were asked for together, by their place among these. */
export interface Taken {
  /** What was said of a row; undefined where it is to be looked at. */
  results: readonly (RowResult | undefined)[];
  /** The places of those that are to be looked at. */
  unknown: readonly number[];
  /** What names the content of each of these. */
  contentKeys: readonly string[];
  /** Where the others stand as they are kept, in their order. Their blocks are held. */
  runs: readonly KnownRun[];
  /** JSON of every row's messages as they were asked for. */
  messages: readonly string[];
}

export interface RowHistory {
  /** The file for it. */
  findingsPath: string;
  /** Names the rows of the last build; null where there are none. */
  before: string | null;
  /** How many there were. */
  rows: number;
  /** Names these rows. */
  now: string;
  /** The place in the last build of the row that was asked for at this place, if it is the same; −1 where it was not there. */
  formerPlaceOf(place: number): number;
}

/** Opens what is kept in a folder for these options. A file that is damaged counts as none from there on. */
export function openRowCache(folder: string, options: RowOptions): RowCache {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const versions = { near: nearVersion, rows: rowsVersion };
  const base = join(folder, hash('sha256', canonicalJson({ options, versions })).slice(0, 32));
  const path = `${base}${ending}`;
  const now = uuidv7();
  const segmentPath = (file: string): string => `${base}.${file}${segmentEnding}`;
  const aside = { rows: join(folder, ownedName(prefix)), segment: join(folder, ownedName(prefix)) };
  const old = openBlockFile(path, segmentPath);
  const holding = createHolding(old);
  const keeping = isToBeMadeOne(old) ? [] : old.segments.list;
  const segment = createSegment(aside.segment, keeping.length);
  const movedFrom = keeping === old.segments.list ? null : old.segments;
  const fresh = createBlockFile(aside.rows, { name: now, holding, segment, movedFrom });
  const formerPlaces = createNumbers();
  const walk = createWalk(old, holding);
  let open = true;

  function endAll(segments: readonly SegmentName[]): void {
    open = false;
    old.close();
    fresh.close(segments);
    segment.close();
  }

  return {
    segments: old.segments,
    history: {
      findingsPath: `${base}${findingsEnding}`,
      before: old.name,
      rows: old.rows,
      now,
      formerPlaceOf: formerPlaces.at,
    },
    take: (entries) => takeAll(entries, { walk, formerPlaces, holding }),
    put(entries, results, { runs, contentKeys }) {
      let unknown = 0;
      eachInOrder(entries.length, runs, {
        known: ({ block, row, length }) => fresh.addFrom(block, row, length),
        unknown(at) {
          const entry = entries[at] as Assembled;
          const told = tellResult(entry, results[at] as RowResult);
          const contentKey = contentKeys[unknown++] as string;
          fresh.add({ kind: kinds.indexOf(entry.kind), id: entry.id, contentKey, ...told });
        },
      });
    },
    letGo({ runs }) {
      for (const { block } of runs) holding.unhold(block);
    },
    commit() {
      const isAny = segment.length > 0;
      const segments = isAny ? [...keeping, { file: now, length: segment.length }] : keeping;
      endAll(segments);
      // Whoever forgets takes the folder away, with what was being written.
      if (!existsSync(aside.rows)) return;
      if (isAny) renameSync(aside.segment, segmentPath(now));
      else rmSync(aside.segment);
      renameSync(aside.rows, path);
      removeOldest(folder, { base, segments: segments.map(({ file }) => segmentPath(file)) });
    },
    close() {
      if (!open) return;
      endAll([]);
      for (const file of Object.values(aside)) rmSync(file, { force: true });
    },
  };
}

/** Whether there are too many segments, or too much in them that is of no row any more. */
function isToBeMadeOne({ segments: { list }, shingles }: OpenBlockFile): boolean {
  const all = list.reduce((sum, { length }) => sum + length, 0);
  return list.length >= mostSegments || shingles < all * leastInUse;
}

interface Taking {
  walk: Walk;
  formerPlaces: Numbers;
  holding: Holding;
}

/** What is known of rows that are asked for together. */
function takeAll(entries: readonly Assembled[], { walk, formerPlaces, holding }: Taking): Taken {
  const results: (RowResult | undefined)[] = [];
  const unknown: number[] = [];
  const runs: KnownRun[] = [];
  const contentKeys: string[] = [];
  const messages: string[] = [];
  let run: KnownRun | null = null;
  for (let at = 0; at < entries.length; at += 1) {
    const entry = entries[at] as Assembled;
    const said = messagesJson(entry);
    const contentKey = contentKeyOf(entry, said);
    messages.push(said);
    const block = walk.to(entry, contentKey);
    formerPlaces.add(block ? walk.place : -1);
    const result = block && resultTold(entry, block, walk.row);
    results.push(result ?? undefined);
    if (!result) {
      unknown.push(at);
      contentKeys.push(contentKey);
      run = null;
    } else if (run !== null && run.block === block && run.row + run.length === walk.row) {
      run.length += 1;
    } else {
      run = { block, row: walk.row, at, length: 1 };
      runs.push(run);
      holding.hold(block);
    }
  }
  return { results, unknown, runs, contentKeys, messages };
}

/** Lets a block go when nobody holds it. */
function createHolding(file: OpenBlockFile): Holding {
  /** How often each is held. Few are at a time. */
  const held = new Map<Block, number>();
  return {
    hold: (block) => held.set(block, (held.get(block) ?? 0) + 1),
    unhold(block) {
      const left = (held.get(block) ?? 0) - 1;
      if (left > 0) {
        held.set(block, left);
        return;
      }
      held.delete(block);
      file.letGo(block);
    },
  };
}

/** Goes through what is kept along with entries that come in the same order. */
interface Walk {
  /** The block where an entry's row stands that has the same content; null where there is none. */
  to(entry: Assembled, contentKey: string): Block | null;
  /** Which row of the block that is. */
  readonly row: number;
  /** Which of all rows. */
  readonly place: number;
}

function createWalk(file: OpenBlockFile, { hold, unhold }: Holding): Walk {
  let block = nextBlock();
  let row = 0;
  let place = 0;
  /** Whether the row where we are is the one that was asked for last. */
  let wasMet = false;

  function step(): void {
    row += 1;
    place += 1;
    if (row < (block?.rows ?? 0)) return;
    if (block) unhold(block);
    block = nextBlock();
    row = 0;
  }

  function nextBlock(): Block | null {
    const next = file.next();
    if (next) hold(next);
    return next;
  }

  return {
    to({ kind, id }, contentKey) {
      if (wasMet) step();
      wasMet = false;
      while (block !== null) {
        wasMet = block.isKey(row, contentKey);
        if (wasMet) return block;
        const isBefore = compare(kinds[block.kindOf(row)] ?? 'prefer', block.idOf(row), kind, id) < 0;
        if (!isBefore) return null;
        step();
      }
      return null;
    },
    get row() {
      return row;
    },
    get place() {
      return place;
    },
  };
}

/** For what names the row, and for its spool. */
function messagesJson(entry: Assembled): string {
  return 'fault' in entry ? '' : JSON.stringify(entry.messages);
}

/**
 * Names a row with everything that the row stages look at, and its node, so that whatever is kept of it may go by it: 128 bits of
 * SHA-256, as latin1. `said` is the JSON of its messages.
 */
function contentKeyOf(entry: Assembled, said: string): string {
  const { kind, id } = entry;
  if ('fault' in entry) return hash('sha256', JSON.stringify([kind, id, entry.fault]), 'binary').slice(0, 16);
  const { against, tools, author, cutOff, node } = entry;
  const rest = JSON.stringify([kind, id, against, tools, author === 'person', cutOff, node]);
  return hash('sha256', `${said}${rest}`, 'binary').slice(0, 16);
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

/** What is kept of the last build with some options. */
interface JustKept {
  /** What paths of its files begin with. */
  base: string;
  /** Paths of the segments that its rows name. */
  segments: readonly string[];
}

/** Keeps the newest files, and none that a build which was killed left behind. */
function removeOldest(folder: string, { base, segments }: JustKept): void {
  const names = readdirSync(folder);
  const whole = names.filter((name) => name.endsWith(ending)).map((name) => ({ name, age: ageOf(join(folder, name)) }));
  const oldest = whole.sort((a, b) => a.age - b.age).slice(mostFiles);
  const torn = names.filter((name) => name.startsWith(prefix) && isLeftBehind(folder, name));
  const gone = new Set(oldest.map(({ name }) => ownerOf(name)));
  const beside = names.filter((name) => gone.has(ownerOf(name)));
  const owners = new Set(whole.map(({ name }) => ownerOf(name)));
  const isNamed = (name: string): boolean =>
    ownerOf(name) === basename(base) ? segments.includes(join(folder, name)) : owners.has(ownerOf(name));
  const unused = names.filter((name) => name.endsWith(segmentEnding) && !isNamed(name));
  for (const name of [...beside, ...torn, ...unused]) rmSync(join(folder, name), { force: true });
}

/** What the names of all files that are kept for some options begin with. */
function ownerOf(name: string): string {
  return name.slice(0, name.indexOf('.'));
}

/** In ms. */
function ageOf(path: string): number {
  const { mtimeMs = Date.now() } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return Date.now() - mtimeMs;
}
