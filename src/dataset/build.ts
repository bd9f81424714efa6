import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { type DatasetManifest, type LeftOutRow, type Split, type StageCounts, splits } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import { type Method, pickMethod, usable } from '../core/method.ts';
import type { Recipe } from '../core/recipe.ts';
import type { DatasetRowLink, Store } from '../store/types.ts';
import { assemble } from './assemble.ts';
import { type Collection, shortage } from './collect.ts';
import { type EngineOptions, type Refined, runStages } from './engine.ts';
import { answersIn, contradictedIn } from './contradicted.ts';
import type { Kind } from './entry.ts';
import { evalItems } from './eval-items.ts';
import { type Placed, refuseLeaks } from './leak-check.ts';
import { linesOf } from './lines.ts';
import { modelsOfBase } from './of-base.ts';
import { type PlacedTally, tallyOf } from './placed-tally.ts';
import { type ReplayedAnswers, replayEntries } from './replay/answers.ts';
import { makeScratch } from './scratch.ts';
import { datasetFolder, writeDataset } from './write.ts';

export interface BuildDeps {
  store: Pick<Store, 'chats' | 'feedback' | 'blobs' | 'datasets' | 'forgotten' | 'models' | 'review'>;
  datasetsDir: string;
  /** Where what is said of rows is kept for the next build. */
  buildCacheDir: string;
  /** Holds evaluation sets, `*.jsonl`, that nothing is learned from; they need not exist. */
  evalsDir: string;
}

export interface BuildRequest {
  recipe: Recipe;
  /** Digest of the resolved recipe's blob. */
  recipeDigest: string;
  /** Digest of the collection's blob. */
  collection: string;
  /** Digest of the blob of what the base answered; nothing is replayed unless given. */
  replay?: string | null;
  cycleId: string | null;
  /** When the collection was made: what was said later has decided on contradictions in it. Now, unless given. */
  collectedAt?: number;
}

export interface BuiltDataset {
  manifest: DatasetManifest;
  /** Absolute path of the version's folder. */
  folder: string;
  /** What a person should know, one sentence each. */
  warnings: string[];
}

/** From this many conversation nodes on, an empty split is worth a warning. */
const nodesForSplits = 10;

/**
 * Builds a dataset version from a collection: every stage, the leak check, the files; then registers it with a link from
 * every row to its completion, and notes which answers contradict each other, to be asked for. Equal inputs give equal bytes, and building again is safe.
 *
 * Throws NotEnoughData when there are fewer answers than the recipe's `min_examples` that its method can learn from, or
 * none to train on.
 */
export async function buildDataset(deps: BuildDeps, request: BuildRequest): Promise<BuiltDataset> {
  const { recipe, collection } = request;
  const listed = await deps.store.blobs.getJson<Collection>(collection);
  const scratch = await makeScratch(deps.datasetsDir);
  let refined: Refined | null = null;
  try {
    const replay = await replayOf(deps, request);
    refined = await runStages(assemble(deps.store, listed), { ...(await optionsOf(deps, recipe)), scratch, replay });
    const tally = tallyOf(refined.placed, nodesForSplits);
    refuseTooFew(tally, refined.stages, recipe);
    if (refined.leaks) refuseLeaks(refined.leaks);
    const manifest = await writeRefined(deps.datasetsDir, { refined, tally }, request);
    const record = { digest: manifest.digest, name: recipe.name, manifest, cycleId: request.cycleId };
    await deps.store.datasets.register(record, linksOf(refined.placed));
    await deps.store.review.setAside({
      name: recipe.name,
      digest: manifest.digest,
      since: request.collectedAt ?? Date.now(),
      answers: contradictedIn(refined.leftOut),
    });
    return {
      manifest,
      folder: datasetFolder(deps.datasetsDir, recipe.name, manifest.digest),
      warnings: warningsOf(tally, refined.leftOut, recipe),
    };
  } finally {
    refined?.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** What the stages of a recipe need to know. */
export async function optionsOf(
  deps: Pick<BuildDeps, 'evalsDir' | 'buildCacheDir'> & { store: Pick<Store, 'forgotten' | 'models'> },
  recipe: Recipe,
): Promise<Omit<EngineOptions, 'scratch'>> {
  const { build } = recipe;
  return {
    build,
    items: build.decontaminate ? await evalItems(deps.evalsDir, recipe) : [],
    threads: defaultThreads(),
    cacheDir: deps.buildCacheDir,
    ofBase: await modelsOfBase(deps.store.models, recipe.base),
    tombstones: await deps.store.forgotten.list(),
  };
}

/** What the base answered, as the engine takes it. */
async function replayOf({ store }: BuildDeps, { recipe, replay }: BuildRequest): Promise<EngineOptions['replay']> {
  const share = recipe.build.replay?.share;
  if (share === undefined || !replay) return null;
  return { rows: await replayEntries(store, await store.blobs.getJson<ReplayedAnswers>(replay)), share };
}

/** One core is left for whatever else the machine does. */
function defaultThreads(): number {
  return Math.min(8, availableParallelism() - 1);
}

async function writeRefined(
  datasetsDir: string,
  { refined: { placed, textsOf, joins, leaks, stages, leftOut }, tally }: { refined: Refined; tally: PlacedTally },
  { recipe, recipeDigest, collection, replay }: BuildRequest,
): Promise<DatasetManifest> {
  const { weights, replay: replaying } = recipe.build;
  const lines = linesOf({ placed, textsOf, weights, replayWeight: replaying?.weight, leftOut, joins });
  return writeDataset(datasetsDir, lines, {
    name: recipe.name,
    recipe: recipeDigest,
    collection,
    ...(replay && { replay }),
    signals: { ...tally.signals, ...(replay && { replay: tally.replayed }) },
    stages,
    ...(leaks && { leaks }),
  });
}

/** A link to every completion that a row, a pair or a bad answer is of; of a replayed answer to the one whose prompt it is. */
function linksOf(placed: Iterable<Placed>): DatasetRowLink[] {
  const links: DatasetRowLink[] = [];
  for (const one of placed) links.push(...toLinks(one));
  return links;
}

function toLinks({ draft, split, from }: Placed): DatasetRowLink[] {
  if (draft.kind === 'replay') {
    return [{ rowId: draft.id, split, completionId: from?.completion ?? null, choice: null }];
  }
  return answersIn(draft.id).map((answer) => ({ rowId: draft.id, split, ...answer }));
}

function refuseTooFew({ signals, inTrain }: PlacedTally, stages: readonly StageCounts[], recipe: Recipe): void {
  const { corrected, approved, preferred, rejected } = signals;
  const evidence = { learned: corrected + approved, preferred, rejected };
  const { method } = pickMethod(recipe, evidence);
  const [have, need] = [usable(method, evidence), recipe.build.min_examples];
  if (have < need) throw tooFew(have, need, stages);
  if (learns[method].some((kind) => inTrain.has(kind))) return;
  const message = 'Every conversation fell into the held-out splits: collect more, or lower build.val and build.test.';
  throw new RatchetError('NotEnoughData', message, { details: { have, need } });
}

/** What each method can learn from by itself. */
const learns: Readonly<Record<Method, readonly Kind[]>> = {
  sft: ['learn'],
  dpo: ['learn', 'prefer'],
  kto: ['learn', 'reject'],
};

function tooFew(have: number, need: number, stages: readonly StageCounts[]): RatchetError {
  const dropped = stages.flatMap(({ dropped }) => Object.entries(dropped).map(([reason, n]) => `${n} ${reason}`));
  const left = dropped.length > 0 ? ` Left out by the build: ${dropped.join(', ')}.` : '';
  return new RatchetError('NotEnoughData', shortage(have, need) + left, { details: { have, need, dropped } });
}

/** Splits are never forced: that a hash left one empty is said instead. */
function warningsOf({ learnedIn, nodes }: PlacedTally, leftOut: readonly LeftOutRow[], { build }: Recipe): string[] {
  const empty = (split: Split): boolean => build[split as 'val' | 'test'] > 0 && !learnedIn.has(split);
  const warnings = splits
    .filter((split) => split !== 'train' && nodes >= nodesForSplits && empty(split))
    .map(
      (split) => `No conversation fell into ${split} although its share is above 0: collect more, or change the salt.`,
    );
  const aside = leftOut.filter(({ reason }) => reason === 'contradiction').length;
  if (aside > 0) {
    warnings.push(
      `${aside} answers contradict each other and were set aside: what is to be rated next begins with them.`,
    );
  }
  return warnings;
}
