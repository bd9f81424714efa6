import type { Recipe } from '../../core/recipe.ts';
import type { Texts } from '../draft.ts';
import type { EvalItem } from './decontaminate.ts';

/** The stages that look at one row at a time, in order. */
export const rowStages = ['rows', 'normalise', 'validate', 'redact', 'quality', 'decontaminate'] as const;
export type RowStage = (typeof rowStages)[number];

/** What these stages need to know; it can be sent to a thread. */
export interface RowOptions {
  build: Pick<Recipe['build'], 'normalise' | 'redact' | 'region' | 'quality' | 'near_duplicates'>;
  /** What evaluations ask; empty where nothing is decontaminated. */
  items: readonly EvalItem[];
}

/** What a row is compared by. */
export interface RowKeys {
  /** Names the normalised messages before the answer, and tools: 16 bytes, as latin1. */
  prompt: string;
  /** Names the normalised answer, in 53 bits; of a preference the better one. */
  answer: number;
  /** Names a preference's worse answer; −1 in what is none. */
  worse: number;
  /** Names what words and calls the answer has, in 53 bits. */
  bare: number;
  /** Of the answer, in characters. */
  size: number;
  /** What its document is compared by; null where near duplicates are not looked for. */
  near: NearKeys | null;
}

/** What a document is compared by, where it stands among other numbers. */
export interface NearKeys {
  words: Uint32Array;
  /** Where its `bandCount` bands begin. */
  bandsAt: number;
  shinglesFrom: number;
  shinglesTo: number;
}

/** How many of a kind a stage changed. */
export type Changed = readonly [stage: RowStage, kind: string, count: number];

/** What the stages say of a row. It depends on the row and the options alone. */
export type RowResult = KeptRow | GoneRow;

export interface KeptRow {
  texts: Texts;
  /** Null of one that was looked at for a build before: they stand in a block. */
  keys: RowKeys | null;
  changed: readonly Changed[];
  /** Whether there is a worse answer, and why it makes no pair; null where there is none. */
  pair: 'made' | 'worse_answer_is_empty' | 'both_say_the_same' | null;
}

export interface GoneRow {
  texts: null;
  stage: RowStage | 'pairs';
  /** `snake_case`. */
  reason: string;
  /** What it gives away. */
  of?: string;
  changed: readonly Changed[];
}
