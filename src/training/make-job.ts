import { join } from 'node:path';
import { type Job, type JobOf, jobSchema } from '../core/job.ts';
import type { Recipe } from '../core/recipe.ts';
import type { Lesson } from './lesson.ts';
import { type Extent, tune } from './tune.ts';

/** Where one step call works: `<data>/cycles/<cycle>/<key>/`, the same through its retries. */
export function runFolder(dataDir: string, cycleId: string, key: string): string {
  return join(dataDir, 'cycles', cycleId, key);
}

/** Holds the bases converted for LitGPT, by digest, and in `tokens` the prepared tokens of datasets. */
export function baseCacheFolder(dataDir: string): string {
  return join(dataDir, 'bases-litgpt');
}

export interface JobPlace {
  dataDir: string;
  /** Folder of the base in Hugging Face layout. */
  base: string;
  work: string;
  key: string;
}

type What = Pick<Lesson, 'data' | 'method'>;

/** The job that fine-tunes: the recipe's `train` section, tuned to its extent, over the files of a dataset version. */
export function trainJob(place: JobPlace, recipe: Recipe, what: What, extent: Extent): JobOf<'train'> {
  return made({ ...common(place, recipe), kind: 'train', train: training(recipe, what, extent) });
}

/** The job that measures what {@link trainJob} would take. */
export function estimateJob(place: JobPlace, recipe: Recipe, what: What, extent: Extent): JobOf<'estimate'> {
  return made({ ...common(place, recipe), kind: 'estimate', estimate: training(recipe, what, extent) });
}

function training(recipe: Recipe, { data, method }: What, extent: Extent): JobOf<'train'>['train'] {
  const train = tune(recipe.train, extent);
  return {
    data,
    method,
    tuning: train.tuning,
    lora: { rank: train.rank, alpha: train.alpha, dropout: train.dropout, targets: train.targets },
    optim: {
      learning_rate: train.learning_rate,
      weight_decay: train.weight_decay,
      beta1: 0.9,
      beta2: 0.95,
      warmup_ratio: train.warmup_ratio,
      schedule: train.schedule,
      grad_clip: train.grad_clip,
      epochs: train.epochs,
      max_steps: train.max_steps,
      batch_size: train.batch_size,
      micro_batch_size: train.micro_batch_size,
      max_seq_length: train.max_seq_length,
    },
    packing: train.packing,
    checkpoint: { every_steps: train.checkpoint_steps, keep: 2 },
    eval_every_steps: train.eval_steps,
    early_stop: train.early_stop,
    restart: train.restart,
  };
}

/** The job that measures the held-out loss of base and candidate. */
export function validateJob(place: JobPlace, recipe: Recipe, data: string, adapter: string): JobOf<'validate'> {
  const { max_seq_length, micro_batch_size } = recipe.train;
  return made({
    ...common(place, recipe),
    kind: 'validate',
    validate: { data, adapter, max_seq_length, micro_batch_size },
  });
}

/** The job that writes an adapter as something that can be imported. */
export function exportJob(
  place: JobPlace,
  recipe: Recipe,
  adapter: string,
  format: JobOf<'export'>['export']['format'],
): JobOf<'export'> {
  return made({ ...common(place, recipe), kind: 'export', export: { adapter, dtype: 'float16', format } });
}

/** The job that writes a base, or a version of it, in another format. It needs no device, and waits for nobody who trains. */
export function plainExportJob(place: JobPlace, spec: JobOf<'export'>['export']): JobOf<'export'> {
  return made({ ...placed(place), ...onCpu, kind: 'export', export: spec });
}

/** The job that looks whether a base can be trained, with its weights or before they are there. */
export function prepareJob(place: JobPlace, withoutWeights: boolean): JobOf<'prepare'> {
  const prepare = withoutWeights ? { without_weights: true } : {};
  return made({ ...placed(place), ...onCpu, kind: 'prepare', prepare });
}

/** The job that shows a row as tokens. It needs no device, and waits for nobody who trains. */
export function tokensJob(place: JobPlace, tokens: JobOf<'tokens'>['tokens']): JobOf<'tokens'> {
  return made({ ...placed(place), ...onCpu, kind: 'tokens', tokens });
}

const onCpu = { device: 'cpu', precision: '32-true', threads: 1, seed: 0, lock: null };

function common(place: JobPlace, recipe: Recipe) {
  return {
    ...placed(place),
    device: recipe.train.device,
    precision: recipe.train.precision,
    threads: null,
    seed: recipe.train.seed,
    lock: join(place.dataDir, 'gpu.lock'),
  };
}

function placed({ dataDir, key, base, work }: JobPlace) {
  return { schema: 1, key, base, work, cache: baseCacheFolder(dataDir) };
}

function made<K extends Job['kind']>(job: Record<string, unknown> & { kind: K }): JobOf<K> {
  return jobSchema.parse(job) as JobOf<K>;
}
