import { z } from 'zod';

const path = z.string().min(1);
const counts = z.int().min(1);

const trainJob = z.strictObject({
  data: z.strictObject({ train: path, val: path.nullable() }),
  lora: z.strictObject({
    rank: counts.max(1024),
    alpha: z.number().positive(),
    dropout: z.number().min(0).lt(1),
    targets: z.array(z.enum(['q', 'k', 'v', 'o', 'gate', 'up', 'down'])).min(1),
  }),
  optim: z.strictObject({
    learning_rate: z.number().positive(),
    weight_decay: z.number().min(0),
    beta1: z.number().min(0).lt(1),
    beta2: z.number().min(0).lt(1),
    warmup_ratio: z.number().min(0).max(1),
    schedule: z.enum(['cosine', 'linear', 'constant']),
    grad_clip: z.number().positive(),
    epochs: counts,
    max_steps: counts.nullable(),
    batch_size: counts,
    micro_batch_size: counts,
    max_seq_length: counts,
  }),
  /** Whether a row of a batch may hold several chats; `auto`: where that saves a tenth of the positions or more. */
  packing: z.enum(['auto', 'on', 'off']),
  checkpoint: z.strictObject({ every_steps: counts, keep: counts }),
  eval_every_steps: counts.nullable(),
  restart: z.boolean(),
});

const validateJob = z.strictObject({
  data: path,
  adapter: path.nullable(),
  max_seq_length: counts,
  micro_batch_size: counts,
});

const exportJob = z.strictObject({ adapter: path, dtype: z.enum(['float16', 'bfloat16', 'float32']) });

const tokensJob = z.strictObject({
  data: path,
  /** Id of a row; null for the first. */
  row: z.string().nullable(),
  /** Tokens after which training cuts a chat; null for never. */
  max_seq_length: counts.nullable(),
});

const common = {
  schema: z.literal(1),
  /** Names the step call; the same through retries, so that a second attempt finds what the first left. */
  key: z.string().min(1),
  /** Folder of the base in Hugging Face layout (config.json, tokenizer files, *.safetensors). */
  base: path,
  /** Folder of this job: checkpoints, results and the adapter; kept through retries. */
  work: path,
  /** Folder of bases converted for LitGPT, by digest. */
  cache: path,
  device: z.enum(['auto', 'cpu', 'cuda']),
  precision: z.enum(['auto', '32-true', 'bf16-true']),
  threads: counts.nullable(),
  seed: z.int().min(0),
  /** File that is locked while the device is in use; null for none. */
  lock: path.nullable(),
};

/** One job for the Python side. Its JSON Schema is `scripts/litgpt/job.schema.json`, which Python validates against. */
export const jobSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...common, kind: z.literal('prepare'), prepare: z.strictObject({}) }),
  z.strictObject({ ...common, kind: z.literal('train'), train: trainJob }),
  z.strictObject({ ...common, kind: z.literal('validate'), validate: validateJob }),
  z.strictObject({ ...common, kind: z.literal('export'), export: exportJob }),
  z.strictObject({ ...common, kind: z.literal('tokens'), tokens: tokensJob }),
]);

export type Job = z.infer<typeof jobSchema>;
export type JobOf<K extends Job['kind']> = Extract<Job, { kind: K }>;

/** What a dataset holds in the base's tokens. */
export interface DataEvent {
  event: 'data';
  rows: number;
  /** After the cut to length. */
  tokens: number;
  target_tokens: number;
  /** Rows that were cut. */
  truncated: number;
  /** Rows of which the cut leaves nothing to learn. */
  skipped: number;
  /** Texts that were tokenised just now; 0 when an earlier job prepared them all. */
  encoded: number;
}

/** Figures of one optimizer step. Loss is in nats per learned token. */
export interface StepEvent {
  event: 'step';
  step: number;
  steps: number;
  epoch: number;
  loss: number;
  learning_rate: number;
  grad_norm: number;
  tokens: number;
  target_tokens: number;
  tokens_per_second: number;
  eta_seconds: number;
}

export interface TrainResult {
  adapter: string;
  adapter_digest: string;
  steps: number;
  loss: number;
  val_loss: number | null;
  tokens: number;
  target_tokens: number;
  seconds: number;
  /** Whether rows held several chats. */
  packed: boolean;
}

export interface ValidateResult {
  base_loss: number;
  candidate_loss: number | null;
  target_tokens: number;
  rows: number;
}

export interface ExportResult {
  path: string;
  /** SHA-256 of each file, by name. */
  files: Record<string, string>;
  bytes: number;
}

/** A row as the model sees it; `ids`, `pieces` and `learned` have one entry per token. */
export interface TokensResult {
  row: string;
  /** Counted from 1. */
  line: number;
  weight: number;
  ids: number[];
  /** Together they are the whole chat as the template writes it. */
  pieces: string[];
  learned: boolean[];
  /** How many tokens are left after the cut to `max_seq_length`. */
  kept: number;
  /** Answers that cannot be learned, because the template rewrites them later in the chat. */
  broken_turns: number;
  /** Why training refuses the row. */
  fault: string | null;
}

/** One line of a job's standard output. */
export type JobEvent =
  | { event: 'started'; kind: string; pid: number; device: string }
  | { event: 'waiting'; for: string }
  | DataEvent
  | { event: 'packing'; packed: boolean; saving: number }
  | { event: 'resumed'; step: number }
  | { event: 'warning'; message: string }
  | StepEvent
  | { event: 'validation'; step: number; loss: number; target_tokens: number }
  | { event: 'checkpoint'; step: number; path: string }
  | { event: 'stopped'; step: number }
  | ({ event: 'result' } & (TrainResult | ValidateResult | ExportResult | TokensResult))
  | { event: 'error'; code: string; message: string };
