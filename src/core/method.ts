import type { Recipe } from './recipe.ts';

/**
 * How a version is learned. `sft` says answers again; `dpo` learns of two answers which is better; `kto` learns from answers
 * that are good or bad by themselves.
 */
export type Method = 'sft' | 'dpo' | 'kto';

/** How many answers there are of each kind. */
export interface Evidence {
  /** Approved or corrected. */
  learned: number;
  /** Better than another answer to the same messages. */
  preferred: number;
  /** Bad, and nothing better is known. */
  rejected: number;
}

export interface Choice {
  method: Method;
  /** One sentence for people. */
  why: string;
}

/** Fewer judgements of a kind than this are no reason to leave plain learning, as long as that is possible. */
const clear = 50;

/**
 * The method that a recipe's `auto` stands for. Plain learning, unless most of what is known lies in what it cannot learn
 * from: which of two answers is better, or that answers are bad. A correction says what should have been said, which plain
 * learning takes at a third of the cost. Where there is too little to learn plainly, any other way is better than none.
 */
export function pickMethod(recipe: Recipe, { learned, preferred, rejected }: Evidence): Choice {
  const { method } = recipe.train;
  if (method !== 'auto') return { method, why: `The recipe trains by ${method}.` };
  const least = learned < recipe.build.min_examples ? 1 : clear;
  const known = `${learned} answers are approved or corrected, ${preferred} preferred to another, ${rejected} only rejected`;
  const outweighs = (count: number): boolean => count >= least && count > learned;
  if (outweighs(preferred)) return { method: 'dpo', why: `${known}: most is known of which of two is better.` };
  if (outweighs(rejected) && learned > 0) return { method: 'kto', why: `${known}: most is known of what is bad.` };
  return { method: 'sft', why: `${known}: what should be said is known best.` };
}

/** How many answers a method learns from. */
export function usable(method: Method, { learned, preferred, rejected }: Evidence): number {
  return learned + { sft: 0, dpo: preferred, kto: rejected }[method];
}
