import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobOf } from '../../src/core/job.ts';
import { recipeSchema } from '../../src/core/recipe.ts';
import { litgptScript, pythonEnvironment } from '../../src/training/job-process.ts';
import { trainJob } from '../../src/training/make-job.ts';
import type { Side } from './figures.ts';
import { type TrainerRun, runTrainer } from './run-trainer.ts';

/** Rows of an optimizer step: answers, of which several may be of one chat. */
export const batch = 16;

export interface Place {
  /** Holds what `trainer_data.py` wrote, and the rows. */
  folder: string;
  pythons: Readonly<Record<Side, string>>;
}

/** Sequences at once, and whether a peer computes in bfloat16: ours does where the CPU is faster in it. */
export interface Setting {
  micro: number;
  bfloat16?: boolean;
}

const peers = join(import.meta.dirname, '..', 'peers');

/** Trains one epoch in a process of its own; ours more, where they are given. */
export function runSide(side: Side, place: Place, { micro, bfloat16 }: Setting, epochs = 1): Promise<TrainerRun> {
  const { folder } = place;
  const out = mkdtempSync(join(folder, `${side}-`));
  const logFile = join(out, 'log.txt');
  const common = { name: side, command: place.pythons[side], logFile };
  if (side === 'ours') {
    const args = [litgptScript('run.py'), writeJob(place, out, micro, epochs)];
    return runTrainer({ ...common, args, env: pythonEnvironment(), stepOf });
  }
  const [script, model, samples] =
    side === 'litgpt' ? ['litgpt_lora.py', 'lit', 'answers.json'] : ['trl_sft.py', 'base', 'chats.json'];
  const [base, data] = [join(folder, model), join(folder, samples)];
  const args = [join(peers, script), base, data, join(out, 'run'), String(micro), String(batch)];
  args.push(bfloat16 ? 'bfloat16' : 'float32');
  return runTrainer({ ...common, args, stepOf });
}

function stepOf(line: Record<string, unknown>): number | null {
  if (typeof line.step !== 'number') return null;
  if ('event' in line) return line.event === 'step' ? Number(line.target_tokens) : null;
  return Number(line.targets);
}

/** Writes the job of a run, with a folder of its own for everything that it would find prepared otherwise. */
export function writeJob(place: Place, work: string, micro: number, epochs = 1): string {
  const file = join(work, 'train.job.json');
  writeFileSync(file, JSON.stringify(jobOf(place, work, micro, epochs)));
  return file;
}

function jobOf({ folder }: Place, work: string, micro: number, epochs: number): JobOf<'train'> {
  const recipe = recipeSchema.parse({
    name: 'bench',
    base: 'bench',
    train: {
      rank: 16,
      alpha: 32,
      device: 'cpu',
      learning_rate: 2e-4,
      epochs,
      batch_size: batch,
      micro_batch_size: micro,
      max_seq_length: 2048,
    },
  });
  const data = { train: join(folder, 'train.jsonl'), val: null, pairs: null, val_pairs: null };
  const lesson = {
    method: { kind: 'sft' as const, replay_kl: 0 },
    data: { ...data, judged: null, val_judged: null },
  };
  const dataDir = join(work, 'data');
  mkdirSync(dataDir, { recursive: true });
  const place = { dataDir, base: join(folder, 'base'), work: join(work, 'work'), key: 'bench' };
  return trainJob(place, recipe, lesson, { rows: batch, width: null });
}
