import type { LeakCheck, LeftOutRow, StageCounts } from '../core/dataset.ts';
import type { Assembled } from './assemble.ts';
import { type Compared, type Kept, openCompared } from './compared.ts';
import type { Texts } from './draft.ts';
import { type Drafts, type Indexes, createDrafts } from './drafts.ts';
import { type Findings, readFindings } from './findings.ts';
import { type Pairs, createPairs } from './near/pairs.ts';
import { type Placed, type Placing, standingInTwo } from './leak-check.ts';
import { allDocuments } from './near/band-groups.ts';
import { shingleHashes } from './near/shingles.ts';
import type { Recipe } from '../core/recipe.ts';
import type { NameIds } from './name-ids.ts';
import { once } from './once.ts';
import { placeDrafts } from './place.ts';
import { type PlacedRows, placedRows } from './placed-rows.ts';
import type { From } from './replay/answers.ts';
import { placeReplay } from './replay/place.ts';
import { type Report, createReport } from './report.ts';
import { documentOf } from './rows/document.ts';
import { type RowCache, type RowHistory, openRowCache } from './rows/cache.ts';
import { type Drafted, draftReplay, draftRows } from './rows/draft-rows.ts';
import type { RowOptions } from './rows/types.ts';
import { type EntrySource, type RunRows, runRows } from './rows/run-rows.ts';
import { noSegments } from './rows/segments.ts';
import { type ShingleSpool, createShingleSpool } from './shingle-spool.ts';
import { type Spool, createSpool } from './spool.ts';
import { keepBalance } from './stages/caps.ts';
import { type Contradiction, setAsideContradictions } from './stages/contradictions.ts';
import { dropDuplicates, dropOverruled, sharingPrompt } from './stages/duplicates.ts';
import { dropNearDuplicates, joinAlike } from './stages/near.ts';
import { limitRaters } from './stages/rater-limits.ts';
import type { Splitting, Tombstone } from './stages/split.ts';

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
  placed: PlacedRows;
  textsOf(placed: Placed): Texts;
  /** Ids of nodes that belong together. */
  readonly joins: (readonly [string, string])[];
  leaks: LeakCheck | null;
  stages: StageCounts[];
  readonly leftOut: LeftOutRow[];
  close(): void;
}

/** What a build reads and writes while it runs. */
interface Opened {
  spool: Spool;
  /** Null where near duplicates are not looked for. */
  shingles: ShingleSpool | null;
  /** Null where nothing is kept. */
  cache: RowCache | null;
}

/** Runs every stage of a build over what was collected. Equal inputs give equal results. */
export async function runStages(source: EntrySource, options: EngineOptions): Promise<Refined> {
  const { build, items, cacheDir, scratch } = options;
  const spool = createSpool(`${scratch}/rows`);
  const opened: { close(): void }[] = [];
  try {
    const cache = cacheDir === null ? null : openRowCache(cacheDir, rowOptions(build, items));
    const segments = cache?.segments ?? noSegments;
    opened.push(segments);
    const { near_duplicates: jaccard } = build;
    const again = (draft: number): Uint32Array => shinglesOfRow(spool, draft);
    const kept = { segments, again, expected: expectedOf(cache) };
    const shingles = jaccard === null ? null : createShingleSpool(`${scratch}/shingles`, jaccard, kept);
    if (shingles) opened.push(shingles);
    return await refine(source, options, { spool, shingles, cache });
  } catch (error) {
    spool.close();
    throw error;
  } finally {
    for (const one of opened) one.close();
  }
}

/** How many drafts there may be: as many rows as there were, and some more, so that nothing is moved to a larger place. */
function expectedOf(cache: RowCache | null): number | undefined {
  return cache === null || cache.history.rows === 0 ? undefined : Math.ceil(cache.history.rows * 1.05);
}

/** Those of a draft's document, of its texts. */
function shinglesOfRow(spool: Spool, draft: number): Uint32Array {
  return shingleHashes(documentOf(spool.read(draft).messages));
}

async function refine(
  source: EntrySource,
  options: EngineOptions,
  { spool, shingles, cache }: Opened,
): Promise<Refined> {
  const { build, items, threads, tombstones, watch } = options;
  const looked = rowOptions(build, items);
  const rows = runRows(source, { ...looked, threads, watch, cache });
  const findings = cache && findingsOf(cache.history, build);
  const former = cache && findings && { ...findings, formerPlaceOf: cache.history.formerPlaceOf };
  const expected = expectedOf(cache);
  const drafts = createDrafts(expected);
  const report = createReport(drafts.ids.of);
  const drafted = await draftRows(rows, { report, drafts, spool, shingles, former, expected });
  const shares = JSON.stringify([build.val, build.test, build.salt]);
  const kept = cache && { history: cache.history, findings, drafts, shares };
  const near = comparedIn(drafted, shingles, { build, kept });
  const { left, joins } = dropRepeated(drafts, { report, near });
  const chosen = choose(drafts, left, { options, report });
  report.stage('split').took(chosen.length);
  const { leaks: found, splitOf, ...taught } = placeDrafts(drafts, chosen, { joins, tombstones, shares: build, near });
  const { placing, fromOf } = await addReplay(taught, { options, looked, report, spool, drafted, splitOf });
  const leaks = found && placing !== taught ? { ...found, ...standingInTwo(drafts, placing) } : found;
  const lists = { leftOut: once(report.leftOut), joins: once(() => named(joins, drafts.nodes)) };
  return {
    placed: placedRows(drafts, placing, fromOf),
    textsOf: ({ draft }) => spool.read(draft.index),
    leaks,
    stages: report.counts(),
    // Their names are made when they are written.
    get leftOut() {
      return lists.leftOut();
    },
    get joins() {
      return lists.joins();
    },
    close: spool.close,
  };
}

function named(joins: Pairs, { nameOf }: NameIds): Refined['joins'] {
  const names: [string, string][] = [];
  joins.each((one, other) => names.push([nameOf(one), nameOf(other)]));
  return names;
}

interface AddReplay {
  options: EngineOptions;
  looked: RowOptions;
  report: Report;
  spool: Spool;
  drafted: Drafted;
  splitOf: Splitting['splitOf'];
}

interface WithReplay {
  placing: Placing;
  fromOf(draft: number): From | undefined;
}

/** Takes what the base answered through the row stages, and adds what may be trained on. It is one stage, the last. */
async function addReplay(
  taught: Placing,
  { options, looked, report, spool, drafted, splitOf }: AddReplay,
): Promise<WithReplay> {
  const { replay, threads, build } = options;
  if (!replay) return { placing: taught, fromOf: () => undefined };
  const { drafts } = drafted;
  const first = drafts.count;
  const stage = report.stage('replay');
  const rows = runRows([replay.rows.map(({ entry }) => entry)], { ...looked, threads, cache: null });
  await draftReplay(rows, { stage, spool, ...drafted });
  const kept = placeReplay(allDocuments(drafts.count).subarray(first), {
    drafts,
    taught,
    textsOf: spool.read,
    shinglesOf: (draft) => shinglesOfRow(spool, draft),
    splitOf,
    stage,
    share: replay.share,
    jaccard: build.near_duplicates,
  });
  // All of them are of train, the first split.
  const labels = new Uint8Array(drafts.count);
  labels.set(taught.labels);
  const from = new Map(replay.rows.map((row) => [row.entry.id, row.from]));
  return {
    placing: { chosen: Uint32Array.from([...taught.chosen, ...kept]), labels },
    fromOf: (draft) => (draft < first ? undefined : from.get(drafts.ids.of(draft))),
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
  drafts: Drafts,
  { report, near }: { report: Report; near: Compared | null },
): { left: Indexes; joins: Pairs } {
  const joins = createPairs();
  const sharing = sharingPrompt(drafts);
  joinPrompts(joins, drafts, sharing);
  const contradictions: Contradiction[] = [];
  const all = allDocuments(drafts.count);
  const exact = inStage(report, 'exact_duplicates', all, (input, stage) =>
    dropDuplicates(input, stage, drafts, sharing),
  );
  const apart = inStage(report, 'near_duplicates', exact, (input, stage) => {
    if (near === null) return input;
    const found = dropNearDuplicates(input, stage, drafts, near);
    joinAlike(joins, drafts.node, found.edges);
    contradictions.push(...found.contradictions);
    return found.left;
  });
  const agreed = inStage(report, 'contradictions', apart, (input, stage) =>
    setAsideContradictions(input, stage, drafts, contradictions),
  );
  const left = inStage(report, 'overruled', agreed, (input, stage) => dropOverruled(input, stage, drafts, sharing));
  return { left, joins };
}

/** What of the rows that are good enough goes into the version, in the order in which it came. */
function choose(
  drafts: Drafts,
  left: Indexes,
  { options: { build, ofBase }, report }: { options: EngineOptions; report: Report },
): Indexes {
  const limited = inStage(report, 'rater_limits', left, (input, stage) => limitRaters(input, stage, drafts, build));
  return inStage(report, 'balance', limited, (input, stage) =>
    keepBalance(input, stage, drafts, { caps: build, ofBase }),
  );
}

function inStage(
  report: Report,
  name: string,
  input: Indexes,
  run: (input: Indexes, stage: ReturnType<Report['stage']>) => Indexes,
): Indexes {
  const stage = report.stage(name);
  stage.took(input.length);
  return run(input, stage);
}

/** Nodes of rows with the same normalised prompt, whatever becomes of the rows. */
function joinPrompts(joins: Pairs, { count, prompt, prompts, node }: Drafts, sharing: Uint8Array): void {
  /** One more than the node of the first. */
  const nodeOf = new Uint32Array(prompts);
  for (let draft = 0; draft < count; draft += 1) {
    if (sharing[draft] === 0) continue;
    const at = prompt[draft] as number;
    const first = nodeOf[at] as number;
    const own = node[draft] as number;
    if (first === 0) nodeOf[at] = own + 1;
    else if (first - 1 !== own) joins.add(first - 1, own);
  }
}

/** What the last build found, where it compared as this one does. */
function findingsOf(
  { findingsPath, before }: RowHistory,
  { near_duplicates: jaccard }: Recipe['build'],
): Findings | null {
  return before === null || jaccard === null ? null : readFindings(findingsPath, before, jaccard);
}

/** What drafts are compared by; null where only equal rows are looked for. */
function comparedIn(
  { drafts, bands, places, rows }: Drafted,
  shingles: ShingleSpool | null,
  { build: { near_duplicates: jaccard }, kept }: { build: Recipe['build']; kept: Kept | null },
): Compared | null {
  if (bands === null || shingles === null || jaccard === null) return null;
  const { of: shinglesOf, inOrder, headsInOrder } = shingles;
  const documents = { count: drafts.count, bands, shinglesOf, inOrder, headsInOrder };
  return openCompared({ documents, jaccard, places, rows, kept });
}
