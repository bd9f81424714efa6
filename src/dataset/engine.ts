import type { LeakCheck, LeftOutRow, StageCounts } from '../core/dataset.ts';
import type { Assembled } from './assemble.ts';
import { type Compared, openCompared } from './compared.ts';
import type { Draft, Texts } from './draft.ts';
import { type Placed, standingInTwo } from './leak-check.ts';
import { shingleHashes } from './near/shingles.ts';
import type { Recipe } from '../core/recipe.ts';
import type { NameIds } from './name-ids.ts';
import { placeDrafts } from './place.ts';
import type { From } from './replay/answers.ts';
import { placeReplay } from './replay/place.ts';
import { type Report, createReport } from './report.ts';
import { documentOf } from './rows/document.ts';
import { type RowCache, openRowCache } from './rows/cache.ts';
import { type Drafted, type Keys, createKeys, draftReplay, draftRows } from './rows/draft-rows.ts';
import type { RowOptions } from './rows/types.ts';
import { type EntrySource, type RunRows, runRows } from './rows/run-rows.ts';
import { type ShingleSpool, createShingleSpool } from './shingle-spool.ts';
import { type Spool, createSpool } from './spool.ts';
import { keepBalance } from './stages/caps.ts';
import { type Contradiction, setAsideContradictions } from './stages/contradictions.ts';
import { dropDuplicates, dropOverruled } from './stages/duplicates.ts';
import { dropNearDuplicates } from './stages/near.ts';
import { limitRaters } from './stages/rater-limits.ts';
import type { Join, Splitting, Tombstone } from './stages/split.ts';

export interface EngineOptions extends Omit<RunRows, 'build' | 'cache'> {
  build: Recipe['build'];
  /** Model refs that serve models of the recipe's base. */
  ofBase: ReadonlySet<string>;
  tombstones: readonly Tombstone[];
  /** Where what is said of rows is kept for the next build; null where it is not. */
  cacheDir: string | null;
  /** A folder for what does not fit into memory. */
  scratch: string;
  /** What the base answered, and its largest share of what is trained on; null where nothing is replayed. */
  replay?: { rows: readonly { entry: Assembled; from: From }[]; share: number } | null | undefined;
}

/** What the stages made of a collection, with its texts on the disk until it is closed. */
export interface Refined {
  /** Sorted by id. */
  placed: Placed[];
  textsOf(placed: Placed): Texts;
  /** Ids of nodes that belong together. */
  joins: (readonly [string, string])[];
  leaks: LeakCheck | null;
  stages: StageCounts[];
  leftOut: LeftOutRow[];
  close(): void;
}

/** Runs every stage of a build over what was collected. Equal inputs give equal results. */
export async function runStages(source: EntrySource, options: EngineOptions): Promise<Refined> {
  const spool = createSpool(`${options.scratch}/rows`);
  let shingles: ShingleSpool | null = null;
  try {
    if (options.build.near_duplicates !== null) shingles = createShingleSpool(`${options.scratch}/shingles`);
    return await refine(source, options, { spool, shingles });
  } catch (error) {
    spool.close();
    throw error;
  } finally {
    shingles?.close();
  }
}

async function refine(
  source: EntrySource,
  options: EngineOptions,
  { spool, shingles }: { spool: Spool; shingles: ShingleSpool | null },
): Promise<Refined> {
  const { build, cacheDir, items, threads, tombstones, watch } = options;
  const report = createReport();
  const looked = rowOptions(build, items);
  const cache = cacheDir === null ? null : openRowCache(cacheDir, looked);
  const rows = runRows(source, { ...looked, threads, watch, cache });
  const keys = createKeys();
  const drafted = await draftRows(rows, { report, spool, shingles, keys });
  const { drafts } = drafted;
  const near = comparedIn(drafted, shingles, { build, cache });
  const { left, joins } = dropRepeated(drafts, { report, near });
  const chosen = choose(left, options, report);
  report.stage('split').took(chosen.length);
  const nodes = Uint32Array.from(drafts, ({ nodeKey }) => nodeKey);
  // Those that were dropped are let go: what follows asks for their nodes only.
  drafts.length = 0;
  const {
    placed: taught,
    leaks: found,
    splitOf,
  } = placeDrafts(nodes, chosen, { names: keys.nodes, joins, tombstones, shares: build, near });
  const replayed = await addReplay(taught, { options, looked, report, spool, keys, splitOf, first: nodes.length });
  const placed = [...taught, ...replayed];
  const leaks = found && replayed.length > 0 ? { ...found, ...standingInTwo(placed) } : found;
  return {
    placed: placed.sort((a, b) => (a.draft.id < b.draft.id ? -1 : 1)),
    textsOf: ({ draft }) => spool.read(draft.index),
    joins: named(joins, keys.nodes),
    leaks,
    stages: report.counts(),
    leftOut: report.leftOut(),
    close: spool.close,
  };
}

interface AddReplay {
  options: EngineOptions;
  looked: RowOptions;
  report: Report;
  spool: Spool;
  keys: Keys;
  splitOf: Splitting['splitOf'];
  /** Index of the first draft that is replayed. */
  first: number;
}

/** Takes what the base answered through the row stages, and gives what may be trained on. It is one stage, the last. */
async function addReplay(
  taught: readonly Placed[],
  { options, looked, report, spool, keys, splitOf, first }: AddReplay,
): Promise<Placed[]> {
  const { replay, threads, build } = options;
  if (!replay) return [];
  const stage = report.stage('replay');
  const rows = runRows([replay.rows.map(({ entry }) => entry)], { ...looked, threads, cache: null });
  const drafts = await draftReplay(rows, { stage, spool, keys, first });
  const from = new Map(replay.rows.map((row) => [row.entry.id, row.from]));
  const kept = placeReplay(drafts, {
    taught,
    textsOf: (draft) => spool.read(draft.index),
    shinglesOf: (draft) => shingleHashes(documentOf(spool.read(draft.index).messages)),
    splitOf,
    stage,
    share: replay.share,
    jaccard: build.near_duplicates,
  });
  return kept.map((draft) => ({ draft, split: 'train', from: from.get(draft.id) ?? { completion: null, node: null } }));
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
  drafts: readonly Draft[],
  { report, near }: { report: Report; near: Compared | null },
): { left: Draft[]; joins: Join[] } {
  const joins: Join[] = promptJoins(drafts);
  const contradictions: Contradiction[] = [];
  const exact = inStage(report, 'exact_duplicates', drafts, dropDuplicates);
  const apart = inStage(report, 'near_duplicates', exact, (input, stage) => {
    if (near === null) return [...input];
    const found = dropNearDuplicates(input, stage, drafts, near);
    for (const join of found.joins) joins.push(join);
    contradictions.push(...found.contradictions);
    return found.left;
  });
  const agreed = inStage(report, 'contradictions', apart, (input, stage) =>
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
  const nodeOf: (number | undefined)[] = [];
  const joins: Join[] = [];
  for (const { promptKey, nodeKey } of drafts) {
    const first = nodeOf[promptKey];
    if (first === undefined) nodeOf[promptKey] = nodeKey;
    else if (first !== nodeKey) joins.push([first, nodeKey]);
  }
  return joins;
}

function named(joins: readonly Join[], nodes: NameIds): Refined['joins'] {
  return joins.map(([one, other]) => [nodes.nameOf(one), nodes.nameOf(other)]);
}

/** What drafts are compared by; null where only equal rows are looked for. */
function comparedIn(
  { drafts, bands, places, rows }: Drafted,
  shingles: ShingleSpool | null,
  { build, cache }: { build: Recipe['build']; cache: RowCache | null },
): Compared | null {
  if (bands === null || shingles === null || build.near_duplicates === null) return null;
  const documents = { count: drafts.length, bands, shinglesOf: shingles.of, inOrder: shingles.inOrder };
  return openCompared({ documents, jaccard: build.near_duplicates, places, rows, history: cache && cache.history });
}
