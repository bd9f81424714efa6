import { type KillJobReport, killJob } from '../test/fixtures/kill-job.ts';
import { type KillTrainerReport, killTrainer } from '../test/fixtures/kill-trainer.ts';
import { inBatches } from './results.ts';
import type { Batches, Bench, BenchContext, Claim, Outcome } from './types.ts';

/** Kills in one training; each batch compares its adapter with that of a training that nobody disturbed. */
const batchSize = { worker: 5, process: 10 };
/** A killed worker is missed only after its heartbeat timeout of 15 s, a killed process at once. */
const workerShare = 0.15;

type Victim = keyof typeof batchSize;
type WorkerBatch = KillTrainerReport & { victim: 'worker' };
type ProcessBatch = KillJobReport & { victim: 'process' };

/** kill -9 of the training process, and of the GPU worker, in the middle of training: the adapter is the same to the bit. */
export const trainer: Bench = {
  name: 'trainer',
  file: 'trainer-kills',
  kind: 'soak',
  about: 'kill -9 of the trainer and of its worker at random moments: it resumes, and the adapter is the same',
  parts: ['temporal', 'ollama', 'python'],
  count: 100,
  run,
};

/** Both kinds of kills at once: while one waits for a heartbeat to be missed, the other trains. */
async function run(context: BenchContext): Promise<Outcome> {
  const { count, paths, partial } = context;
  const workers = Math.max(1, Math.round(count * workerShare));
  const share = (victim: Victim, of: number) => ({ ...context, count: of, partial: only(partial, victim) });
  const [byWorker, byProcess] = await Promise.all([
    inBatches<WorkerBatch>(share('worker', workers), batchSize.worker, async (kills) => ({
      ...(await killTrainer(kills)),
      victim: 'worker',
    })),
    inBatches<ProcessBatch>(share('process', count - workers), batchSize.process, async (kills) => ({
      ...(await killJob(paths.python ?? '', kills)),
      victim: 'process',
    })),
  ]);
  return { claims: claimsOf(byWorker, byProcess), details: { batches: [...byWorker, ...byProcess] } };
}

/** The batches of one kind, among those that an earlier run left. */
function only({ read, add }: Batches, victim: Victim): Batches {
  return { read: <T>() => read<T & { victim: Victim }>().filter((batch) => batch.victim === victim), add };
}

function claimsOf(byWorker: readonly WorkerBatch[], byProcess: readonly ProcessBatch[]): Claim[] {
  const batches = [...byWorker, ...byProcess];
  const sum = (of: readonly number[]) => of.reduce((total, one) => total + one, 0);
  const killsOf = (of: readonly { kills: number }[]) => sum(of.map(({ kills }) => kills));
  const [kills, workerKills] = [killsOf(batches), killsOf(byWorker)];
  const resumed = byWorker.flatMap(({ resumedAt }) => resumedAt.filter((step) => step > 0)).length;
  const lost = batches.filter((batch) => batch.lost > batch.interval).length;
  return [
    exactly(`adapters that differ from an undisturbed training's, in ${kills} kills`, different(batches), 0),
    exactly(`trainings that lost more than one checkpoint interval to a kill, in ${kills} kills`, lost, 0),
    exactly(`kills of a worker after which it went on from a checkpoint, of ${workerKills}`, resumed, workerKills),
    exactly(
      `trainers that outlived their worker, in ${workerKills} kills`,
      sum(byWorker.map((one) => one.left.length)),
      0,
    ),
  ];
}

function different(batches: readonly { digest: string; undisturbed: string }[]): number {
  return batches.filter(({ digest, undisturbed }) => digest !== undisturbed || !/^[0-9a-f]{64}$/.test(digest)).length;
}

function exactly(name: string, ours: number, target: number): Claim {
  return { name, ours, peer: null, ratio: null, target: String(target), holds: ours === target };
}
