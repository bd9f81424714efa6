import type { WireMessage } from './message.ts';
import type { JsonObject } from './canonical.ts';

export const splits = ['train', 'val', 'test'] as const;
export type Split = (typeof splits)[number];

/** One line of `train.jsonl`, `val.jsonl` or `test.jsonl`. */
export interface DatasetRow {
  id: string;
  messages: WireMessage[];
  tools?: JsonObject[];
  /** Indexes into `messages` of the assistant messages whose tokens are learned. */
  learn: number[];
  meta: {
    /** The completion and choice that the learned answer came from, or corrects. */
    completion: string;
    choice: number;
    signal: 'corrected' | 'approved';
    /** Who wrote the learned text: `person` for a correction, else the model ref. */
    author: string;
    /** Id of the conversation's first user message: rows of one node never part. */
    node: string;
  };
}

/** What one stage of a build let through and what it dropped, by reason. */
export interface StageCounts {
  stage: string;
  in: number;
  out: number;
  dropped: Record<string, number>;
}

/** `manifest.json` of a dataset version. It holds no time and no path, so that equal inputs give equal bytes. */
export interface DatasetManifest {
  schema: 1;
  name: string;
  /** SHA-256 over the digests of the split files; names the version. */
  digest: string;
  recipe: string;
  collection: string;
  splits: Record<Split, { rows: number; digest: string; bytes: number }>;
  signals: Record<string, number>;
  stages: StageCounts[];
}
