import { z } from 'zod';

const path = z.string().min(1);
const counts = z.int().min(1);
/** Sequences that go through the model at once; `auto`: as many as fit the free memory and make it faster. */
const microBatch = z.union([counts, z.literal('auto')]);

/** How a version is learned; see `scripts/litgpt/ratchet_litgpt/objectives`. */
const method = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sft'), replay_kl: z.number().min(0) }),
  z.strictObject({
    kind: z.literal('dpo'),
    beta: z.number().positive(),
    sft_weight: z.number().min(0),
    replay_kl: z.number().min(0),
  }),
  z.strictObject({
    kind: z.literal('kto'),
    beta: z.number().positive(),
    desirable_weight: z.number().positive(),
    undesirable_weight: z.number().positive(),
    sft_weight: z.number().min(0),
  }),
]);
export type JobMethod = z.infer<typeof method>;

const trainJob = z.strictObject({
  /** Files of a dataset version, those that the method learns from; null where there is nothing in them. */
  data: z.strictObject({
    train: path.nullable(),
    val: path.nullable(),
    pairs: path.nullable(),
    val_pairs: path.nullable(),
    judged: path.nullable(),
    val_judged: path.nullable(),
  }),
  method,
  /** What learns: adapters, adapters on a base in four bits (CUDA only), or all weights. */
  tuning: z.enum(['lora', 'qlora', 'full']),
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
    micro_batch_size: microBatch,
    max_seq_length: counts,
  }),
  /** Whether a row of a batch may hold several chats; `auto`: where that saves a tenth of the positions or more. */
  packing: z.enum(['auto', 'on', 'off']),
  checkpoint: z.strictObject({ every_steps: counts, keep: counts }),
  eval_every_steps: counts.nullable(),
  /** Ends the run after `patience` validations of which none was lower than the lowest by `min_delta` nats. */
  early_stop: z.strictObject({ patience: counts, min_delta: z.number().min(0) }).nullable(),
  restart: z.boolean(),
});

const validateJob = z.strictObject({
  data: path,
  adapter: path.nullable(),
  max_seq_length: counts,
  micro_batch_size: microBatch,
});

/** What a base with an adapter on it can be written as. */
export const exportFormats = ['merged', 'gguf', 'gguf-adapter', 'peft'] as const;
/** How the matrices of a GGUF model can be rounded, by llama.cpp's names. */
export const exportQuantizations = ['q8_0', 'q4_K_S', 'q4_K_M'] as const;
export const exportTypes = ['float16', 'bfloat16', 'float32'] as const;

const exportJob = z.strictObject({
  /** Null for the base alone. */
  adapter: path.nullable(),
  dtype: z.enum(exportTypes),
  /** How the matrices of a GGUF model are rounded; not at all unless given. */
  quantize: z.enum(exportQuantizations).optional(),
  /**
   * `serve`: the least that Ollama can serve, an adapter where it can put one on the base, else `whole`: merged weights, or
   * GGUF where Ollama would not convert them.
   */
  format: z.enum(['serve', 'whole', ...exportFormats]),
});

const prepareJob = z.strictObject({
  /** Looks at all but the weights, which may not be there yet. */
  without_weights: z.boolean().optional(),
});

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
  z.strictObject({ ...common, kind: z.literal('prepare'), prepare: prepareJob }),
  z.strictObject({ ...common, kind: z.literal('train'), train: trainJob }),
  z.strictObject({ ...common, kind: z.literal('estimate'), estimate: trainJob }),
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
  /** The most that was held: of the GPU's memory, or by the process. */
  memory_bytes: number;
  eta_seconds: number;
}

/** What goes through the model at once, from now on. */
export interface MicroBatchEvent {
  event: 'micro_batch';
  size: number;
  /** Whether activations are computed a second time rather than kept. */
  recompute: boolean;
  /** Tokens of the longest sequence. */
  longest: number;
  /** Why it is less than was asked for, or than before. */
  why: string | null;
}

/** The last steps before a resume, told again: who was killed may not have read of them. */
export interface CurveEvent {
  event: 'curve';
  /** What the numbers of a point are, in their order; named as in {@link StepEvent}. */
  fields: string[];
  points: number[][];
}

/** What is told of a step or of the held-out rows besides, as far as it is learned from. Rewards are in nats, times `beta`. */
interface JudgedFigures {
  /** Mean loss of the better and of the other learned answers, in nats per token. */
  token_loss?: number;
  preference_loss?: number;
  /** The share of pairs of which the better answer gained more than the worse one. */
  accuracy?: number;
  margin?: number;
  chosen_reward?: number;
  rejected_reward?: number;
  /** How far the model has gone from the base, in nats per answer. */
  divergence?: number;
  /** The same over the words of replayed answers, in nats per token. */
  replay_divergence?: number;
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
  /** Whether the held-out loss ended it before its last step. */
  stopped_early: boolean;
  /** Sequences at once, at the end. */
  micro_batch_size: number;
}

/** What a training would take, by some of its steps on the real base and rows. */
export interface EstimateResult {
  device: 'cpu' | 'cuda';
  rows: number;
  steps: number;
  epochs: number;
  /** Of all epochs. */
  tokens: number;
  /** Tokens of the longest sequence. */
  longest: number;
  /** Null where it does not fit. */
  seconds: number | null;
  tokens_per_second: number | null;
  peak_memory_bytes: number;
  /** What the device had to give before the base was loaded; null where that is not known. */
  free_memory_bytes: number | null;
  fits: boolean;
  /** Why it does not fit. */
  reason: string | null;
  micro_batch_size: number;
  recompute: boolean;
  packed: boolean;
}

/** What the training of a cycle would take, of a sweep all of them together. */
export interface TrainingEstimate extends EstimateResult {
  /** Trainings that there will be; 1 without a sweep. `seconds` is of all of them. */
  combinations: number;
  /** Why the cycle would refuse to sweep; null where it would not. */
  refused: string | null;
}

export interface ValidateResult {
  base_loss: number;
  candidate_loss: number | null;
  target_tokens: number;
  rows: number;
}

export interface ExportResult {
  path: string;
  /** What was written, where the job left it open. */
  format: (typeof exportFormats)[number];
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
  | (StepEvent & JudgedFigures)
  | ({ event: 'validation'; step: number; loss: number; target_tokens: number } & JudgedFigures)
  | { event: 'early_stop'; step: number; best_step: number }
  | MicroBatchEvent
  | CurveEvent
  | { event: 'checkpoint'; step: number; path: string; seconds: number }
  | { event: 'stopped'; step: number }
  | ({ event: 'result' } & (TrainResult | EstimateResult | ValidateResult | ExportResult | TokensResult))
  | { event: 'error'; code: string; message: string };
