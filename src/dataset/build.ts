import { type DatasetManifest, type DatasetRow, type Split, type StageCounts, splits } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import type { Recipe } from '../core/recipe.ts';
import type { DatasetRowLink, Store } from '../store/types.ts';
import { type Collection, shortage } from './collect.ts';
import { type Candidate, type Stage, readAll, runStage } from './stage.ts';
import { createCapStage } from './stages/cap.ts';
import { dropDuplicates, dropOverruled } from './stages/duplicates.ts';
import { checkLeaks } from './stages/leak-check.ts';
import { createRowsStage } from './stages/rows.ts';
import { type SplitCandidate, createSplitStage } from './stages/split.ts';
import { datasetFolder, writeDataset } from './write.ts';

export interface BuildDeps {
  store: Pick<Store, 'chats' | 'feedback' | 'blobs' | 'datasets'>;
  datasetsDir: string;
}

export interface BuildRequest {
  recipe: Recipe;
  /** Digest of the resolved recipe's blob. */
  recipeDigest: string;
  /** Digest of the collection's blob. */
  collection: string;
  cycleId: string | null;
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
 * Builds a dataset version from a collection: rows, duplicates, overruled answers, cap, split, leak check, files; then
 * registers it with a link from every row to its completion. Equal inputs give equal bytes, and building again is safe.
 *
 * Throws NotEnoughData when fewer rows than the recipe's `min_examples` are left.
 */
export async function buildDataset(deps: BuildDeps, request: BuildRequest): Promise<BuiltDataset> {
  const { recipe, recipeDigest, collection } = request;
  const { examples } = await deps.store.blobs.getJson<Collection>(collection);
  const { candidates, stages } = await runStages(deps, recipe, examples);
  if (candidates.length < recipe.build.min_examples) throw tooFew(candidates.length, recipe, stages);

  const rows = bySplit(candidates);
  const facts = { name: recipe.name, recipe: recipeDigest, collection, signals: countSignals(candidates), stages };
  const manifest = await writeDataset(deps.datasetsDir, rows, facts);
  const record = { digest: manifest.digest, name: recipe.name, manifest, cycleId: request.cycleId };
  await deps.store.datasets.register(record, candidates.map(toLink));
  return {
    manifest,
    folder: datasetFolder(deps.datasetsDir, recipe.name, manifest.digest),
    warnings: warningsOf(candidates, rows, recipe),
  };
}

async function runStages(
  deps: BuildDeps,
  recipe: Recipe,
  examples: Collection['examples'],
): Promise<{ candidates: SplitCandidate[]; stages: StageCounts[] }> {
  const stages: StageCounts[] = [];
  const then = <In, Out>(name: string, stage: Stage<In, Out>, input: AsyncIterable<In> | Iterable<In>) => {
    const { counts, output } = runStage(name, stage, input);
    stages.push(counts);
    return output;
  };
  const rows = then('rows', createRowsStage(deps.store), examples);
  const unique = then<Candidate, Candidate>('duplicates', dropDuplicates, rows);
  const ruled = then<Candidate, Candidate>('overruled', dropOverruled, unique);
  const capped = then('cap', createCapStage(recipe.build.max_examples), ruled);
  const split = then('split', createSplitStage(recipe.build), capped);
  const checked = then<SplitCandidate, SplitCandidate>('leak_check', checkLeaks, split);
  const candidates = await readAll(checked);
  candidates.sort((a, b) => (a.row.id < b.row.id ? -1 : 1));
  return { candidates, stages };
}

function bySplit(candidates: readonly SplitCandidate[]): Record<Split, DatasetRow[]> {
  const of = (split: Split) => candidates.filter((candidate) => candidate.split === split).map(({ row }) => row);
  return { train: of('train'), val: of('val'), test: of('test') };
}

function countSignals(candidates: readonly SplitCandidate[]): Record<string, number> {
  const signals = { corrected: 0, approved: 0 };
  for (const { row } of candidates) signals[row.meta.signal]++;
  return signals;
}

function toLink({ row, split }: SplitCandidate): DatasetRowLink {
  return { rowId: row.id, split, completionId: row.meta.completion, choice: row.meta.choice };
}

function tooFew(have: number, recipe: Recipe, stages: readonly StageCounts[]): RatchetError {
  const dropped = stages.flatMap(({ dropped }) => Object.entries(dropped).map(([reason, n]) => `${n} ${reason}`));
  const left = dropped.length > 0 ? ` Left out by the build: ${dropped.join(', ')}.` : '';
  const details = { have, need: recipe.build.min_examples, dropped };
  return new RatchetError('NotEnoughData', shortage(have, recipe.build.min_examples) + left, { details });
}

/** Splits are never forced: that a hash left one empty is said instead. */
function warningsOf(
  candidates: readonly SplitCandidate[],
  rows: Record<Split, DatasetRow[]>,
  { build }: Recipe,
): string[] {
  const nodes = new Set(candidates.map(({ row }) => row.meta.node)).size;
  if (nodes < nodesForSplits) return [];
  return splits
    .filter((split) => split !== 'train' && build[split] > 0 && rows[split].length === 0)
    .map(
      (split) => `No conversation fell into ${split} although its share is above 0: collect more, or change the salt.`,
    );
}
