import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe } from '../core/recipe.ts';

type Train = Recipe['train'];

/** A recipe's training with a number for everything that was `auto`. */
export interface Tuned extends Train {
  learning_rate: number;
  epochs: number;
  batch_size: number;
}

/** What a run is about, as far as it decides how fast and how long to learn. */
export interface Extent {
  /** Rows that are learned. */
  rows: number;
  /** Hidden size of the base; null where its config.json does not say. */
  width: number | null;
}

/** The rate of a LoRA at the width at which it was measured; Schulman et al. 2025, "LoRA Without Regret". */
const known = { rate: 5e-4, width: 2000 };
/** Updates after which few chats are learned: the tiny base needs 36 to 60, whatever the batch. */
const enough = 60;
/** Updates that an epoch is to have, so that small batches are taken where rows are few. */
const perEpoch = 10;
const batches = { least: 4, most: 16 };
const most = 10;
/** From so many rows on one look at each is enough. */
const many = 5_000;

/**
 * Settles what a recipe leaves open. The rate falls with the root of the base's width: measured exponents are 0.08 (Qwen) and
 * 0.78 (Llama). The batch is a power of two from 4 to 16, so small that an epoch has ten updates where there are rows for it;
 * epochs go on for sixty updates: at least three epochs, or one of many thousand rows, and at most ten.
 */
export function tune(train: Train, { rows, width }: Extent): Tuned {
  const batch_size = train.batch_size === 'auto' ? batchFor(rows) : train.batch_size;
  return {
    ...train,
    batch_size,
    learning_rate: train.learning_rate === 'auto' ? rateFor(width ?? known.width) : train.learning_rate,
    epochs: train.epochs === 'auto' ? epochsFor(rows, batch_size) : train.epochs,
  };
}

/** The hidden size that a base's config.json tells. */
export async function widthOf(base: string): Promise<number | null> {
  const config = JSON.parse(await readFile(join(base, 'config.json'), 'utf8')) as {
    hidden_size?: unknown;
    text_config?: { hidden_size?: unknown };
  };
  const width = config.hidden_size ?? config.text_config?.hidden_size;
  return typeof width === 'number' && width > 0 ? width : null;
}

function rateFor(width: number): number {
  return Number((known.rate * Math.sqrt(known.width / width)).toPrecision(3));
}

function batchFor(rows: number): number {
  const wanted = 2 ** Math.floor(Math.log2(Math.max(1, rows / perEpoch)));
  return Math.min(batches.most, Math.max(batches.least, wanted));
}

function epochsFor(rows: number, batch: number): number {
  const steps = Math.max(1, Math.ceil(rows / batch));
  const least = rows > many ? 1 : 3;
  return Math.min(most, Math.max(least, Math.ceil(enough / steps)));
}
