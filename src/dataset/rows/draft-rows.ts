import type { Assembled } from '../assemble.ts';
import { createBandTable } from '../bands.ts';
import type { DraftTable } from '../drafts.ts';
import type { Entry } from '../entry.ts';
import { type KeyIds, createKeyIds, keyOf } from '../key-ids.ts';
import { createNumbers } from '../numbers.ts';
import type { Report, StageReport } from '../report.ts';
import type { ShingleSpool } from '../shingle-spool.ts';
import type { Spool } from '../spool.ts';
import { type KnownRun, eachInOrder } from './known-run.ts';
import { type Former, type Numbering, createNumbering } from './numbering.ts';
import { type KeptRow, type NearKeys, type RowResult, type RowStage, rowStages } from './types.ts';

/** Rows with what the row stages say of each, in the order of the collection. */
export type ProcessedRows = AsyncIterable<ProcessedGroup>;

export interface ProcessedGroup {
  entries: readonly Assembled[];
  results: readonly RowResult[];
  /** Of what was known before; its blocks are held until the next group is asked for. */
  runs: readonly KnownRun[];
  /** JSON of the entries' messages, where it was made. */
  messages: readonly string[];
}

export interface Drafted {
  drafts: DraftTable;
  /** Numbers of the drafts' prompts. */
  prompts: KeyIds;
  /** Bands of the drafts' documents, by their index; null where only equal rows are looked for. */
  bands: Uint32Array | null;
  /** The place of each draft's row in the collection. */
  places: Float64Array;
  /** How many rows there are. */
  rows: number;
}

interface Drafting {
  report: Report;
  /** To which they are added. */
  drafts: DraftTable;
  spool: Spool;
  /** Null where only equal rows are looked for. */
  shingles: ShingleSpool | null;
  /** Null where nothing is known of them. */
  former: Former | null;
  /** For so many drafts there is room at once. */
  expected?: number | undefined;
}

/** Counts what the row stages said, spools the texts that are left, and keeps a draft of each. */
export async function draftRows(
  rows: ProcessedRows,
  { report, drafts, spool, shingles, former, expected }: Drafting,
): Promise<Drafted> {
  const counting = createCounting(report);
  const bands = shingles ? createBandTable(expected) : null;
  const prompts = createKeyIds();
  const numbering = createNumbering(drafts, prompts, former);
  const places = createNumbers();
  let seen = 0;

  /** Makes a draft of a row that is kept; says its index, −1 where it is not. */
  function draft({ entries, results, messages }: ProcessedGroup, at: number): number {
    const entry = entries[at] as Assembled;
    const result = results[at] as RowResult;
    counting.count(entry.id, result);
    if (result.texts === null) return -1;
    places.add(seen + at);
    const isAsItCame = result.texts.messages === (entry as Entry).messages;
    spool.add(result.texts, isAsItCame ? messages[at] : undefined);
    return drafts.add(entry as Entry);
  }

  function draftUnknown(group: ProcessedGroup, at: number): void {
    const index = draft(group, at);
    if (index < 0) return;
    const row = { entry: group.entries[at] as Entry, result: group.results[at] as KeptRow, place: seen + at };
    const near = setKeys(index, row, { drafts, numbering });
    if (near === null) return;
    bands?.add(near.words, near.bandsAt);
    shingles?.add(near.words, near.shinglesFrom, near.shinglesTo);
  }

  function draftRun(group: ProcessedGroup, { block, row, at, length }: KnownRun): void {
    /** Drafts were made of those from here on, one after the other. */
    let from = 0;
    for (let one = 0; one < length; one += 1) {
      if (draft(group, at + one) >= 0) continue;
      copyKeys(group, { block, row: row + from, at: at + from, length: one - from });
      from = one + 1;
    }
    copyKeys(group, { block, row: row + from, at: at + from, length: length - from });
  }

  /** Gives the newest drafts, of such a run, their keys. */
  function copyKeys({ entries }: ProcessedGroup, run: KnownRun): void {
    const { block, row, at, length } = run;
    if (length === 0) return;
    const first = drafts.count - length;
    drafts.copyKeys(first, block, row, length);
    numbering.numberRun(first, { entries, run, place: seen + at });
    bands?.add(block.words, block.bandsAt(row), length);
    shingles?.addAll(block, row, length);
  }

  for await (const group of rows) {
    eachInOrder(group.entries.length, group.runs, {
      known: (run) => draftRun(group, run),
      unknown: (at) => draftUnknown(group, at),
    });
    seen += group.entries.length;
  }
  numbering.settle();
  counting.end();
  return { drafts, prompts, bands: bands && bands.bands, places: places.all(), rows: seen };
}

/** The same of what the base answered, told as one stage. */
export async function draftReplay(
  rows: ProcessedRows,
  { stage, spool, drafts, prompts }: { stage: StageReport; spool: Spool } & Pick<Drafted, 'drafts' | 'prompts'>,
): Promise<void> {
  const numbering = createNumbering(drafts, prompts, null);
  for await (const { entries, results } of rows) {
    for (const [at, result] of results.entries()) {
      const entry = entries[at] as Entry;
      stage.took(1);
      for (const [, kind, number] of result.changed) stage.changed(kind, number);
      if (result.texts === null) {
        stage.drop(entry.id, result.reason, result.of);
        continue;
      }
      spool.add(result.texts);
      setKeys(drafts.add(entry), { entry, result, place: at }, { drafts, numbering });
    }
  }
}

/** Gives a draft of a row that was looked at its keys and numbers, and says what its document is compared by. */
function setKeys(
  draft: number,
  { entry, result: { keys }, place }: { entry: Entry; result: KeptRow; place: number },
  { drafts, numbering }: { drafts: DraftTable; numbering: Numbering },
): NearKeys | null {
  if (keys === null) throw new Error('a row that was looked at has keys');
  drafts.setKeys(draft, keys);
  numbering.number(draft, { entry, prompt: keyOf(keys.prompt), place });
  return keys.near;
}

/** Tells the stages' reports of one row. */
function createCounting(report: Report): { count(id: string, result: RowResult): void; end(): void } {
  const reports = rowStages.map((name) => [name, report.stage(name)] as const);
  const byName = new Map<RowStage, StageReport>(reports);
  const pairs = report.stage('pairs');
  /** Rows that went through all stages as they came, as most do. */
  let untouched = 0;

  function count(id: string, result: RowResult): void {
    if (result.texts !== null && result.pair === null && result.changed.length === 0) {
      untouched += 1;
      return;
    }
    for (const [stage, kind, number] of result.changed) byName.get(stage)?.changed(kind, number);
    const last = result.texts === null ? result.stage : 'pairs';
    for (const [name, stage] of reports) {
      stage.took(1);
      if (name === last && result.texts === null) return stage.drop(id, result.reason, result.of);
    }
    if (result.texts === null) {
      pairs.took(1);
      pairs.drop(id, result.reason);
    } else if (result.pair !== null) {
      pairs.took(1);
      if (result.pair !== 'made') pairs.skip(id, result.pair);
    }
  }

  return {
    count,
    end() {
      for (const [, stage] of reports) stage.took(untouched);
    },
  };
}
