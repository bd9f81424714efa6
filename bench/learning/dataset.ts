import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatasetManifest } from '../../src/core/dataset.ts';
import type { Recipe } from '../../src/core/recipe.ts';
import { runStages } from '../../src/dataset/engine.ts';
import type { Placed } from '../../src/dataset/leak-check.ts';
import { linesOf } from '../../src/dataset/lines.ts';
import { datasetFolder, writeDataset } from '../../src/dataset/write.ts';
import { type RatedChat, toEntry } from './rated.ts';

export interface Version {
  folder: string;
  manifest: DatasetManifest;
}

/** Builds a version of a dataset from rated chats: every stage and file that a cycle has. Equal chats give equal bytes. */
export async function buildVersion(chats: readonly RatedChat[], recipe: Recipe, folder: string): Promise<Version> {
  const scratch = join(folder, 'scratch');
  mkdirSync(scratch, { recursive: true });
  const { build, name } = recipe;
  const options = { build, items: [], threads: 0, cacheDir: null, ofBase: new Set<string>(), tombstones: [], scratch };
  const refined = await runStages(inGroups(chats.map((chat, at) => toEntry(chat, at, recipe.train.seed))), options);
  try {
    const { placed, textsOf, joins, stages, leftOut, leaks } = refined;
    const lines = linesOf({ placed, textsOf, weights: build.weights, leftOut, joins });
    const facts = {
      name,
      recipe: 'bench',
      collection: 'bench',
      signals: signalsOf(placed),
      stages,
      ...(leaks && { leaks }),
    };
    const manifest = await writeDataset(join(folder, 'datasets'), lines, facts);
    return { folder: datasetFolder(join(folder, 'datasets'), name, manifest.digest), manifest };
  } finally {
    refined.close();
  }
}

async function* inGroups<T>(items: readonly T[]): AsyncGenerator<T[]> {
  for (let at = 0; at < items.length; at += 64) yield await Promise.resolve(items.slice(at, at + 64));
}

/** How many answers of each kind are in a version, as a build counts them. */
function signalsOf(placed: Iterable<Placed>): Record<string, number> {
  const signals = { corrected: 0, approved: 0, rejected: 0, preferred: 0 };
  for (const { draft } of placed) {
    if (draft.kind === 'learn') signals[draft.signal ?? 'approved'] += 1;
    else signals[draft.kind === 'reject' ? 'rejected' : 'preferred'] += 1;
  }
  return signals;
}
