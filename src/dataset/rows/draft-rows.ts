import type { Assembled } from '../assemble.ts';
import { createBandTable } from '../bands.ts';
import type { Draft } from '../draft.ts';
import type { Entry } from '../entry.ts';
import { type KeyIds, createKeyIds } from '../key-ids.ts';
import { type NameIds, createNameIds } from '../name-ids.ts';
import { createNumbers } from '../numbers.ts';
import type { Report, StageReport } from '../report.ts';
import type { ShingleSpool } from '../shingle-spool.ts';
import type { Spool } from '../spool.ts';
import { shared, sharedList } from './shared.ts';
import { type KeptRow, type RowResult, type RowStage, rowStages } from './types.ts';

/** Rows with what the row stages say of them, in the order of the collection. */
export type ProcessedRows = AsyncIterable<readonly (readonly [Assembled, RowResult])[]>;

export interface Drafted {
  drafts: Draft[];
  /** Bands of the drafts' documents, by their index; null where only equal rows are looked for. */
  bands: Uint32Array | null;
  /** The place of each draft's row in the collection. */
  places: Float64Array;
  /** How many rows there are. */
  rows: number;
}

/** Numbers for what drafts are told apart by. */
export interface Keys {
  prompts: KeyIds;
  nodes: NameIds;
}

export function createKeys(): Keys {
  return { prompts: createKeyIds(), nodes: createNameIds() };
}

/** Counts what the row stages said, spools the texts that are left, and keeps a draft of each. */
export async function draftRows(
  rows: ProcessedRows,
  { report, spool, shingles, keys }: { report: Report; spool: Spool; shingles: ShingleSpool | null; keys: Keys },
): Promise<Drafted> {
  const counting = createCounting(report);
  const bands = shingles ? createBandTable() : null;
  const drafts: Draft[] = [];
  const places = createNumbers();
  let seen = 0;
  for await (const some of rows) {
    for (const [entry, result] of some) {
      counting.count(entry.id, result);
      seen += 1;
      if (result.texts === null) continue;
      places.add(seen - 1);
      const { near } = result.keys;
      if (near) bands?.add(near.words, near.bandsAt);
      if (near) shingles?.add(near.words, near.shinglesFrom, near.shinglesTo);
      spool.add(result.texts);
      drafts.push(toDraft(entry as Entry, result, drafts.length, keys));
    }
  }
  counting.end();
  return { drafts, bands: bands && bands.bands, places: places.all(), rows: seen };
}

/** The same of what the base answered, told as one stage; `first` is the index of the first draft. */
export async function draftReplay(
  rows: ProcessedRows,
  { stage, spool, keys, first }: { stage: StageReport; spool: Spool; keys: Keys; first: number },
): Promise<Draft[]> {
  const drafts: Draft[] = [];
  for await (const some of rows) {
    for (const [entry, result] of some) {
      stage.took(1);
      for (const [, kind, number] of result.changed) stage.changed(kind, number);
      if (result.texts === null) {
        stage.drop(entry.id, result.reason, result.of);
        continue;
      }
      spool.add(result.texts);
      drafts.push(toDraft(entry as Entry, result, first + drafts.length, keys));
    }
  }
  return drafts;
}

const none: never[] = [];

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

function toDraft(entry: Entry, { keys }: KeptRow, index: number, { prompts, nodes }: Keys): Draft {
  const { id, kind, signal, author, topic, at, raters, ratings, corrections } = entry;
  const node = entry.node ?? '';
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
    node,
    nodeKey: nodes.idOf(node),
    index,
    promptKey: prompts.idOf(keys.promptKey),
    answerKey: numberOf(keys.answerKey, 0),
    worseKey: keys.answerKey.length === keyLength ? -1 : numberOf(keys.answerKey, keyLength + 1),
    bareKey: keys.bareKey,
    size: keys.size,
  };
}

const keyLength = 16;

/** The first 53 bits of a key that begins there. */
function numberOf(keys: string, from: number): number {
  let number = keys.charCodeAt(from + 6) & 31;
  for (let byte = 5; byte >= 0; byte -= 1) number = number * 256 + keys.charCodeAt(from + byte);
  return number;
}
