import { type KillTrainerReport, killTrainer } from '../test/fixtures/kill-trainer.ts';
import { inBatches } from './results.ts';
import type { Bench, BenchContext, Outcome } from './types.ts';

/** Kills in one training; each batch compares its adapter with that of a training that nobody disturbed. */
const batchSize = 5;

/** kill -9 of the GPU worker in the middle of training, again and again: the adapter is the same to the bit. */
export const trainer: Bench = {
  name: 'trainer',
  kind: 'soak',
  about: 'kill -9 of the GPU worker while it trains: it resumes, and the adapter is the same',
  parts: ['temporal', 'ollama', 'python'],
  count: 20,
  run,
};

async function run(context: BenchContext): Promise<Outcome> {
  const batches = await inBatches<KillTrainerReport>(context, batchSize, killTrainer);
  const kills = batches.reduce((total, batch) => total + batch.kills, 0);
  const resumed = batches.reduce((total, batch) => total + batch.resumedAt.filter((step) => step > 0).length, 0);
  const different = batches.filter(({ digest, undisturbed }) => digest !== undisturbed).length;
  const left = batches.reduce((total, batch) => total + batch.left.length, 0);
  const count = (name: string, ours: number, target: number) => ({
    name,
    ours,
    peer: null,
    ratio: null,
    target: String(target),
    holds: ours === target,
  });
  return {
    claims: [
      count(`adapters that differ from an undisturbed training's, in ${kills} kills`, different, 0),
      count(`kills after which it went on from a checkpoint, of ${kills}`, resumed, kills),
      count(`trainers that outlived their worker, in ${kills} kills`, left, 0),
    ],
    details: { kills, batches },
  };
}
