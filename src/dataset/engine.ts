import type { LeakCheck, LeftOutRow, StageCounts } from '../core/dataset.ts';
import type { BandTable } from './bands.ts';
import type { Draft, Texts } from './draft.ts';
import type { Placed } from './leak-check.ts';
import { type Documents, keepShingles } from './near/documents.ts';
import { shingleHashes } from './near/shingles.ts';
import type { Recipe } from '../core/recipe.ts';
import { placeDrafts } from './place.ts';
import { type Report, createReport } from './report.ts';
import { documentOf } from './rows/document.ts';
import { openRowCache } from './rows/cache.ts';
import { type Drafted, draftRows } from './rows/draft-rows.ts';
import type { RowOptions } from './rows/types.ts';
import { type EntrySource, type RunRows, runRows } from './rows/run-rows.ts';
import { type Spool, createSpool } from './spool.ts';
import { keepBalance } from './stages/caps.ts';
import { type Contradiction, setAsideContradictions } from './stages/contradictions.ts';
import { dropDuplicates, dropOverruled } from './stages/duplicates.ts';
import { dropNearDuplicates } from './stages/near.ts';
import { limitRaters } from './stages/rater-limits.ts';
import type { Join, Tombstone } from './stages/split.ts';

export interface EngineOptions extends Omit<RunRows, 'build' | 'cache'> {
  build: Recipe['build'];
  /** Model refs that serve models of the recipe's base. */
  ofBase: ReadonlySet<string>;
  tombstones: readonly Tombstone[];
  /** Where what is said of rows is kept for the next build; null where it is not. */
  cacheDir: string | null;
  /** A folder for what does not fit into memory. */
  scratch: string;
}

/** What the stages made of a collection, with its texts on the disk until it is closed. */
export interface Refined {
  /** Sorted by id. */
  placed: Placed[];
  textsOf(placed: Placed): Texts;
  joins: Join[];
  leaks: LeakCheck | null;
  stages: StageCounts[];
  leftOut: LeftOutRow[];
  close(): void;
}

/** Runs every stage of a build over what was collected. Equal inputs give equal results. */
export async function runStages(source: EntrySource, options: EngineOptions): Promise<Refined> {
  const spool = createSpool(`${options.scratch}/rows`);
  try {
    return await refine(source, options, spool);
  } catch (error) {
    spool.close();
    throw error;
  }
}

async function refine(source: EntrySource, options: EngineOptions, spool: Spool): Promise<Refined> {
  const { build, cacheDir, items, threads, tombstones, watch } = options;
  const report = createReport();
  const looked = rowOptions(build, items);
  const cache = cacheDir === null ? null : openRowCache(cacheDir, looked);
  const rows = runRows(source, { ...looked, threads, watch, cache });
  const drafted = await draftRows(rows, { report, spool, near: build.near_duplicates !== null });
  const shinglesOf = shinglesIn(drafted.drafts, spool);
  const { left, joins } = dropRepeated(drafted, { build, report, shinglesOf });
  const chosen = choose(left, options, report);
  report.stage('split').took(chosen.length);
  const documents = drafted.bands && documentsOf(chosen, drafted.bands, shinglesOf);
  forgetOthers(drafted.drafts, chosen);
  const near = documents && { documents, jaccard: build.near_duplicates ?? 1 };
  const { placed, leaks } = placeDrafts(chosen, { joins, tombstones, shares: build, near });
  return {
    placed: placed.sort((a, b) => (a.draft.id < b.draft.id ? -1 : 1)),
    textsOf: ({ draft }) => textsIn(spool, draft),
    joins,
    leaks,
    stages: report.counts(),
    leftOut: report.leftOut(),
    close: spool.close,
  };
}

/** No more than the row stages look at, so that a change of anything else leaves what they said. */
function rowOptions(
  { normalise, redact, region, quality, near_duplicates: near }: Recipe['build'],
  items: RowOptions['items'],
): RowOptions {
  return { build: { normalise, redact, region, quality, near_duplicates: near === null ? null : 1 }, items };
}

/** Everything that goes by what rows have in common with each other. */
function dropRepeated(
  { drafts, bands }: Drafted,
  { build, report, shinglesOf }: { build: Recipe['build']; report: Report; shinglesOf: ShinglesOf },
): { left: Draft[]; joins: Join[] } {
  const joins: Join[] = promptJoins(drafts);
  const contradictions: Contradiction[] = [];
  const exact = inStage(report, 'exact_duplicates', drafts, dropDuplicates);
  const near = inStage(report, 'near_duplicates', exact, (input, stage) => {
    if (bands === null || build.near_duplicates === null) return [...input];
    const options = { all: drafts, bands: bands.bands, shinglesOf, threshold: build.near_duplicates };
    const found = dropNearDuplicates(input, stage, options);
    for (const join of found.joins) joins.push(join);
    contradictions.push(...found.contradictions);
    return found.left;
  });
  const agreed = inStage(report, 'contradictions', near, (input, stage) =>
    setAsideContradictions(input, stage, contradictions),
  );
  return { left: inStage(report, 'overruled', agreed, dropOverruled), joins };
}

/** What of the rows that are good enough goes into the version, in the order in which it came. */
function choose(drafts: readonly Draft[], { build, ofBase }: EngineOptions, report: Report): Draft[] {
  const limited = inStage(report, 'rater_limits', drafts, (input, stage) => limitRaters(input, stage, build));
  return inStage(report, 'balance', limited, (input, stage) => keepBalance(input, stage, build, ofBase));
}

function inStage(
  report: Report,
  name: string,
  input: readonly Draft[],
  run: (input: readonly Draft[], stage: ReturnType<Report['stage']>) => Draft[],
): Draft[] {
  const stage = report.stage(name);
  stage.took(input.length);
  return run(input, stage);
}

/** Nodes of rows with the same normalised prompt, whatever becomes of the rows. */
function promptJoins(drafts: readonly Draft[]): Join[] {
  const nodeOf = new Map<string, string>();
  const joins: Join[] = [];
  for (const { promptKey, node } of drafts) {
    const first = nodeOf.get(promptKey);
    if (first === undefined) nodeOf.set(promptKey, node);
    else if (first !== node) joins.push([first, node]);
  }
  return joins;
}

function textsIn(spool: Spool, { spooledAt: at, spooledBytes: length }: Draft): Texts {
  return spool.read({ at, length });
}

/** Lets go of the drafts that are in no file: what follows asks for those that are only. */
function forgetOthers(drafts: (Draft | null)[], chosen: readonly Draft[]): void {
  const kept = chosen.values();
  let next = kept.next();
  for (let index = 0; index < drafts.length; index += 1) {
    if (next.value?.index === index) next = kept.next();
    else drafts[index] = null;
  }
}

type ShinglesOf = Documents['shinglesOf'];

/** Shingles of drafts' documents by their index, made again from the spool; the last of them are kept. */
function shinglesIn(drafts: readonly (Draft | null)[], spool: Spool): ShinglesOf {
  return keepShingles((index) => {
    const draft = drafts[index];
    return shingleHashes(draft ? documentOf(textsIn(spool, draft).messages) : '');
  });
}

/** The documents of the rows that are chosen, numbered as they stand. Bands of others are forgotten. */
function documentsOf(chosen: readonly Draft[], table: BandTable, shinglesOf: ShinglesOf): Documents {
  table.keepOnly(chosen.map(({ index }) => index));
  return { count: chosen.length, bands: table.bands, shinglesOf: (at) => shinglesOf(chosen[at]?.index ?? -1) };
}
