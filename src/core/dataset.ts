import type { WireMessage } from './message.ts';
import type { JsonObject } from './canonical.ts';

export const splits = ['train', 'val', 'test'] as const;
export type Split = (typeof splits)[number];

/** What people said of an answer that is learned. */
export type LearnedSignal = 'corrected' | 'approved';

/** One line of `train.jsonl`, `val.jsonl` or `test.jsonl`. */
export interface DatasetRow {
  id: string;
  messages: WireMessage[];
  tools?: JsonObject[];
  /** Indexes into `messages` of the assistant messages whose tokens are learned. */
  learn: number[];
  /** How much its tokens count; 1 where it is not given. */
  weight?: number;
  meta: TaughtMeta | ReplayMeta;
}

/** Of an answer that people taught. */
export interface TaughtMeta {
  /** The completion and choice that the learned answer came from, or corrects. */
  completion: string;
  choice: number;
  signal: LearnedSignal;
  /** Who wrote the learned text: `person` for a correction, else the model ref. */
  author: string;
  /** Id of the conversation's first user message: rows of one node never part. */
  node: string;
}

/** Of an answer of the base, which no person chose and no completion has. */
export interface ReplayMeta {
  completion: null;
  choice: null;
  signal: 'replay';
  /** Model ref of the base. */
  author: string;
  /** The node of the conversation that the prompt is from; null for a prompt of nobody. */
  node: string | null;
  /** The completion whose prompt it is; null for a prompt of nobody. */
  anchor: string | null;
}

/** One line of `pairs.*.jsonl`: two answers to the same messages, of which one is better. */
export interface PairRow {
  id: string;
  prompt: WireMessage[];
  tools?: JsonObject[];
  chosen: WireMessage;
  rejected: WireMessage;
  meta: { kind: 'correction' | 'preference'; completion: string; choice: number; node: string };
}

/** One line of `judged.*.jsonl`: an answer that is good or bad by itself. */
export interface JudgedRow {
  id: string;
  prompt: WireMessage[];
  tools?: JsonObject[];
  answer: WireMessage;
  good: boolean;
  meta: { completion: string; choice: number; node: string };
}

/** One line of `left-out.jsonl`: what was collected and is in no other file, and why. */
export interface LeftOutRow {
  id: string;
  stage: string;
  /** `snake_case`. */
  reason: string;
  /** What it equals, contradicts or is overruled by. */
  of?: string;
}

/** The files of a version, in the order in which its digest names them. */
export const datasetFiles = [
  'train.jsonl',
  'val.jsonl',
  'test.jsonl',
  'pairs.train.jsonl',
  'pairs.val.jsonl',
  'pairs.test.jsonl',
  'judged.train.jsonl',
  'judged.val.jsonl',
  'judged.test.jsonl',
  'left-out.jsonl',
  'joins.jsonl',
] as const;
export type DatasetFile = (typeof datasetFiles)[number];

/** What one stage of a build let through and what it dropped, by reason. */
export interface StageCounts {
  stage: string;
  in: number;
  out: number;
  dropped: Record<string, number>;
  /** What it changed, where it is one that changes texts: how many of each kind. */
  changed?: Record<string, number>;
  /** The first few ids of each reason. Ids only, never a text. */
  samples?: Record<string, string[]>;
}

/** What was looked for across the splits, over all that is in the version. Everything but `closest` has to be 0. */
export interface LeakCheck {
  /** Conversations, by their first user message, that stand in two splits. */
  nodes: number;
  /** Normalised prompts that stand in two splits. */
  prompts: number;
  /** Correction events that stand in two splits. */
  corrections: number;
  /** Pairs across splits that are at least as alike as `jaccard`. */
  pairs: number;
  /** Where near duplicates begin, in [0, 1]. */
  jaccard: number;
  /** The most alike pair across splits; null where no two share anything rare. */
  closest: { jaccard: number; a: string; b: string } | null;
}

export interface FileFigures {
  rows: number;
  digest: string;
  bytes: number;
}

/** `manifest.json` of a dataset version. It holds no time and no path, so that equal inputs give equal bytes. */
export interface DatasetManifest {
  schema: 1 | 2;
  name: string;
  /** SHA-256 over the digests of the files; names the version. */
  digest: string;
  recipe: string;
  collection: string;
  /** Digest of what the base answered, where answers of it are learned. */
  replay?: string;
  splits: Record<Split, FileFigures>;
  /** Every other file; from schema 2 on. */
  files?: Record<string, FileFigures>;
  signals: Record<string, number>;
  stages: StageCounts[];
  /** From schema 2 on. */
  leaks?: LeakCheck;
}
