import type { Assembled } from '../assemble.ts';
import { type BandTable, createBandTable } from '../bands.ts';
import type { Draft } from '../draft.ts';
import type { Entry } from '../entry.ts';
import type { Report, StageReport } from '../report.ts';
import type { Spool } from '../spool.ts';
import { shared, sharedList } from './shared.ts';
import { type KeptRow, type RowResult, type RowStage, rowStages } from './types.ts';

/** Rows with what the row stages say of them, in the order of the collection. */
export type ProcessedRows = AsyncIterable<readonly (readonly [Assembled, RowResult])[]>;

export interface Drafted {
  drafts: Draft[];
  /** Bands of the drafts' documents, by their index; null where only equal rows are looked for. */
  bands: BandTable | null;
}

/** Counts what the row stages said, spools the texts that are left, and keeps a draft of each. */
export async function draftRows(
  rows: ProcessedRows,
  { report, spool, near }: { report: Report; spool: Spool; near: boolean },
): Promise<Drafted> {
  const count = createCounting(report);
  const bands = near ? createBandTable() : null;
  const drafts: Draft[] = [];
  for await (const some of rows) {
    for (const [entry, result] of some) {
      count(entry.id, result);
      if (result.texts === null) continue;
      if (bands && result.keys.bands) bands.add(result.keys.bands);
      drafts.push(toDraft(entry as Entry, result, drafts.length, spool));
    }
  }
  return { drafts, bands };
}

const none: never[] = [];

/** Tells the stages' reports of one row. */
function createCounting(report: Report): (id: string, result: RowResult) => void {
  const reports = rowStages.map((name) => [name, report.stage(name)] as const);
  const byName = new Map<RowStage, StageReport>(reports);
  const pairs = report.stage('pairs');
  return (id, result) => {
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
  };
}

function toDraft(entry: Entry, { texts, keys }: KeptRow, index: number, spool: Spool): Draft {
  const { id, kind, signal, author, topic, at, raters, ratings, corrections, node } = entry;
  const place = spool.add(texts);
  return {
    id,
    kind,
    signal,
    author: shared(author),
    topic: topic === null ? null : shared(topic),
    at,
    raters: sharedList(raters),
    ratings: ratings.length === 0 ? none : ratings,
    corrections: corrections.length === 0 ? none : corrections,
    node: node ?? '',
    index,
    spooledAt: place.at,
    spooledBytes: place.length,
    promptKey: keys.promptKey,
    answerKey: keys.answerKey,
    bareKey: keys.bareKey,
    size: keys.size,
  };
}
