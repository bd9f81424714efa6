import type { Assembled } from '../assemble.ts';
import { createBandTable } from '../bands.ts';
import type { DraftKeys, DraftNumbers, DraftTable } from '../drafts.ts';
import type { Entry } from '../entry.ts';
import { type KeyIds, createKeyIds } from '../key-ids.ts';
import { createNumbers } from '../numbers.ts';
import type { Report, StageReport } from '../report.ts';
import type { ShingleSpool } from '../shingle-spool.ts';
import type { Spool } from '../spool.ts';
import { nearIn } from './block.ts';
import { type Former, createNumbering } from './numbering.ts';
import { type KeptRow, type NearKeys, type RowResult, type RowStage, rowStages } from './types.ts';

/** Rows with what the row stages say of each, in the order of the collection. */
export type ProcessedRows = AsyncIterable<{ entries: readonly Assembled[]; results: readonly RowResult[] }>;

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
}

/** Room for as many rows as there were, and some more, so that nothing is moved to a larger place. */
export function roomBeside(rows: number): number {
  return Math.ceil(rows * 1.05);
}

/** Counts what the row stages said, spools the texts that are left, and keeps a draft of each. */
export async function draftRows(
  rows: ProcessedRows,
  { report, drafts, spool, shingles, former }: Drafting,
): Promise<Drafted> {
  const counting = createCounting(report);
  const bands = shingles ? createBandTable(former ? roomBeside(former.nodes.length) : undefined) : null;
  const prompts = createKeyIds();
  const numbering = createNumbering(drafts, prompts, former);
  const places = createNumbers();
  let seen = 0;

  function draft(entry: Assembled, result: RowResult): void {
    const place = seen;
    seen += 1;
    counting.count(entry.id, result);
    if (result.texts === null) return;
    places.add(place);
    const near = nearOf(result);
    if (near) {
      bands?.add(near.words, near.bandsAt);
      shingles?.add(near.words, near.shinglesFrom, near.shinglesTo);
    }
    spool.add(result.texts);
    drafts.add(entry as Entry, keysWith(result, numbering.numbersOf({ entry: entry as Entry, result, place })));
  }

  for await (const { entries, results } of rows) {
    for (let at = 0; at < entries.length; at += 1) draft(entries[at] as Assembled, results[at] as RowResult);
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
  const { numbersOf } = createNumbering(drafts, prompts, null);
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
      drafts.add(entry, keysWith(result, numbersOf({ entry, result, place: at })));
    }
  }
}

function nearOf({ keys }: KeptRow): NearKeys | null {
  if (!('block' in keys)) return keys.near;
  const { block, row } = keys;
  return block.formOf(row) === 'kept-with-bands' ? nearIn(block, row) : null;
}

function keysWith({ keys }: KeptRow, { node, prompt }: DraftNumbers): DraftKeys {
  if (!('block' in keys)) return { ...keys, node, prompt };
  const { block, row } = keys;
  return {
    node,
    prompt,
    answer: block.answers[row] as number,
    worse: block.worse[row] as number,
    bare: block.bare[row] as number,
    size: block.sizes[row] as number,
  };
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
