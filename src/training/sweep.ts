import type { Tried } from '../core/cycle.ts';
import { RatchetError } from '../core/errors.ts';
import { type Recipe, ktoIsNotCompared } from '../core/recipe.ts';
import type { Lesson } from './lesson.ts';
import { type Extent, tune } from './tune.ts';

/** What differs between the trainings of a sweep. */
export type Combination = Omit<Tried, 'loss'>;

/** Times the rate that is told by the base's width, where the recipe names none. */
const around = [0.5, 1, 2];

/**
 * The trainings that a recipe's sweep makes, those that learn least first: by rank, then by rate. `alpha` stays, so that the
 * best rate is about the same at every rank (Schulman et al. 2025, "LoRA Without Regret").
 */
export function combinationsOf({ train }: Pick<Recipe, 'train'>, extent: Extent): Combination[] {
  if (!train.sweep) return [];
  const { learning_rate: tuned } = tune(train, extent);
  const { learning_rates: wanted, ranks } = train.sweep;
  const rates = wanted === 'auto' ? around.map((times) => Math.min(1, times * tuned)) : (wanted ?? [tuned]);
  return inOrder(ranks ?? [train.rank]).flatMap((rank) =>
    inOrder(rates).map((learningRate) => ({ learningRate, rank })),
  );
}

/** The recipe of one of them. */
export function recipeFor(recipe: Recipe, { learningRate, rank }: Combination): Recipe {
  return { ...recipe, train: { ...recipe.train, sweep: null, learning_rate: learningRate, rank } };
}

/** Throws InvalidInput where held-out losses of this lesson say nothing about which training is better. */
export function assertComparable({ data, method }: Pick<Lesson, 'data' | 'method'>): void {
  if (method.kind === 'kto') {
    throw new RatchetError('InvalidInput', `${sentence(ktoIsNotCompared)}: set train.sweep to null.`);
  }
  if (data.val !== null || data.val_pairs !== null) return;
  throw new RatchetError(
    'InvalidInput',
    'No rows were held out that could decide a sweep: rate more chats, raise build.val, or set train.sweep to null.',
  );
}

/** Why a training is too long to be made several times; null where it is not. Seconds are those of one, null where nobody knows. */
export function tooLong(seconds: number | null, { train }: Pick<Recipe, 'train'>): string | null {
  const most = train.sweep?.max_minutes ?? Infinity;
  if (seconds === null || seconds <= most * 60) return null;
  const minutes = Math.ceil(seconds / 60);
  return `One training takes about ${minutes} min, and a sweep takes none longer than ${most}: raise train.sweep.max_minutes, or set train.sweep to null.`;
}

/**
 * The index of the one to keep: the lowest held-out loss, of equal ones the lowest rank, then the rate nearest to the tuned
 * one as a ratio, then the lower rate. Throws Diverged where every one of them diverged.
 */
export function pickBest(tried: readonly Tried[], tuned: number): number {
  const [best] = tried
    .flatMap(({ loss, ...rest }, at) => (loss === null ? [] : [{ ...rest, loss, at }]))
    .sort((a, b) => a.loss - b.loss || a.rank - b.rank || distance(a, tuned) - distance(b, tuned) || a.at - b.at);
  if (best) return best.at;
  throw new RatchetError('Diverged', 'Every training of the sweep diverged: give lower rates in train.sweep.');
}

/** Which was kept and why, for people. */
export function whyKept(tried: readonly Tried[], kept: number): string {
  const one = tried[kept];
  if (!one) return '';
  const others = tried.flatMap(({ loss }, at) => (at === kept || loss === null ? [] : [loss]));
  const next = others.length > 0 ? `, the next lowest ${Math.min(...others).toFixed(4)}` : '';
  return `Of ${tried.length} trainings ${nameOf(one)} has the lowest held-out loss, ${one.loss?.toFixed(4)}${next}.`;
}

/** What a combination is called. */
export function nameOf({ learningRate, rank }: Combination): string {
  return `rank ${rank} at rate ${learningRate}`;
}

function distance({ learningRate }: Combination, tuned: number): number {
  return Math.abs(Math.log(learningRate / tuned));
}

function inOrder(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
