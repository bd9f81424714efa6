import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { demoBase } from '../src/cli/demo/world.ts';
import { closedStates, type StepName } from '../src/core/cycle.ts';
import type { RecipeInput } from '../src/core/recipe.ts';
import { runFolder } from '../src/training/make-job.ts';
import {
  type CycleView,
  type TestWorkspace,
  addRatedChats,
  startTestWorkspace,
  testRecipe,
} from '../test/fixtures/workspace.ts';
import { type CycleTimes, readCycleTimes } from './cycle-times.ts';
import { currentLoad } from './machine.ts';
import { median, rounded } from './statistics.ts';
import type { Bench, BenchContext, Outcome } from './types.ts';
import { type WarmPeer, copyJob, startWarmPeer } from './warm-peer.ts';

const limit = 1.1;
/**
 * The workload: about 55 s of training on two quiet cores, and a suite so small that it asks for little; all of its answers
 * must be better for the gate to pass.
 */
const workload = { chats: 190, epochs: 58, prompts: 8 };
/** The steps that run Python: what the peer runs as well. */
const pythonSteps = ['train', 'validate', 'import'] as const satisfies readonly StepName[];

/** What a durable cycle costs over its bare Python work. */
export const orchestration: Bench = {
  name: 'orchestration',
  kind: 'bench',
  about: 'a whole cycle beside the same job files run back to back by one warm Python',
  parts: ['temporal', 'ollama', 'python'],
  count: 5,
  run,
};

interface Round {
  ours: CycleTimes;
  peer: number;
  sameAdapter: boolean;
  /** Load of the machine at the end of the cycle and at the end of the peer: far apart, the round says little. */
  load: { ours: number; peer: number };
}

async function run({ count, paths, tell }: BenchContext): Promise<Outcome> {
  const { chats, epochs, prompts } = workload;
  tell(`Workload: ${chats} rated chats, ${epochs} epochs, ${prompts} prompts for each model that is evaluated.`);
  const house = await startTestWorkspace();
  let peer: WarmPeer | null = null;
  try {
    await addRatedChats(house, chats);
    const { model: base } = await house.api.post<{ model: string }>(`/api/bases/${demoBase}/serve`);
    peer = await startWarmPeer(paths.python ?? '', house.folder);
    tell('One round first that does not count: it fills caches on both sides.');
    await oneRound(house, peer, base, 0);
    const rounds: Round[] = [];
    for (let number = 1; number <= count; number += 1) {
      const round = await oneRound(house, peer, base, number);
      rounds.push(round);
      tell(`  round ${number}: ${describeRound(round)}`);
    }
    return outcomeOf(rounds);
  } finally {
    await peer?.stop();
    await house.stop();
  }
}

/** A cycle, then its own jobs by the peer. Each round has a seed of its own, so that nothing is found finished. */
async function oneRound(house: TestWorkspace, peer: WarmPeer, base: string, number: number): Promise<Round> {
  await house.api.post('/api/promotions', { model: base });
  const { cycle, wall } = await timedCycle(house, recipeOf(house, number));
  const ours = await readCycleTimes(house.config.dataDir, cycle.id, wall);
  const loadOfOurs = currentLoad();
  const jobs = pythonSteps.map((step) => {
    const key = cycle.steps.find((one) => one.step === step)?.key ?? '';
    const kind = step === 'import' ? 'export' : step;
    const file = join(runFolder(house.config.dataDir, cycle.id, key), `${kind}.job.json`);
    return copyJob(file, join(house.folder, 'peer', String(number)));
  });
  const done = await peer.run(jobs);
  const sameAdapter = done.results[0]?.adapter_digest === cycle.outputs.train?.adapterDigest;
  return { ours, peer: done.seconds, sameAdapter, load: { ours: loadOfOurs, peer: currentLoad() } };
}

function recipeOf({ world }: TestWorkspace, seed: number): RecipeInput {
  const recipe = testRecipe(world, { train: { epochs: workload.epochs, seed } });
  return {
    ...recipe,
    evaluate: { ...recipe.evaluate, max_prompts: workload.prompts },
    gate: { ...recipe.gate, min_prompts: workload.prompts },
  };
}

interface TimedCycle extends CycleView {
  finished_at: string | null;
}

/** From the moment before the POST to the moment at which the record says that the cycle is completed. */
async function timedCycle(house: TestWorkspace, recipe: RecipeInput): Promise<{ cycle: TimedCycle; wall: number }> {
  const posted = Date.now();
  const { id } = await house.api.post<CycleView>('/api/cycles', recipe);
  for (;;) {
    // Rarely: what asks takes from the cores that train.
    await sleep(500);
    const cycle = await house.api.get<TimedCycle>(`/api/cycles/${id}`);
    if (cycle.attention) throw new Error(`The cycle needs attention: ${cycle.attention.message}`);
    if (!closedStates.includes(cycle.state) || cycle.finished_at === null) continue;
    if (cycle.state !== 'completed') throw new Error(`The cycle is ${cycle.state}.`);
    return { cycle, wall: (Date.parse(cycle.finished_at) - posted) / 1000 };
  }
}

function outcomeOf(rounds: readonly Round[]): Outcome {
  const ratio = median(rounds.map(({ ours, peer }) => ours.wall / peer));
  const alone = median(rounds.map((round) => aloneOf(round) / round.peer));
  const claim = {
    name: 'wall time of a cycle, in s, beside the same jobs by one warm Python',
    ours: rounded(median(rounds.map(({ ours }) => ours.wall)), 2),
    peer: rounded(median(rounds.map(({ peer }) => peer)), 2),
    ratio: rounded(ratio),
    target: `at most ${limit.toFixed(2)}`,
    holds: ratio <= limit && rounds.every(({ sameAdapter }) => sameAdapter),
  };
  return {
    claims: [claim],
    details: {
      workload,
      ratio_without_import_into_ollama_and_evaluate: rounded(alone),
      rounds: rounds.map((round) => ({
        ...detailsOf(round.ours),
        peer: rounded(round.peer),
        same_adapter: round.sameAdapter,
        load: round.load,
      })),
    },
    notes: [
      `Ratio of orchestration alone, without import into Ollama and evaluate, which the peer does not do: ${alone.toFixed(3)}`,
      ...rounds.map((round, index) => `round ${index + 1}: ${describeRound(round)}`),
    ],
  };
}

/** A cycle's wall without what the peer does not do at all. */
function aloneOf({ ours }: Round): number {
  return ours.wall - ours.intoOllama - (ours.steps.evaluate ?? 0);
}

function detailsOf({ wall, steps, intoOllama, between }: CycleTimes) {
  return {
    wall: rounded(wall),
    steps: Object.fromEntries(Object.entries(steps).map(([step, seconds]) => [step, rounded(seconds)])),
    import_into_ollama: rounded(intoOllama),
    between_steps: rounded(between),
  };
}

function describeRound({ ours, peer, sameAdapter, load }: Round): string {
  const steps = Object.entries(ours.steps).map(([step, seconds]) => `${step} ${seconds.toFixed(2)}`);
  const parts = [...steps, `between ${ours.between.toFixed(2)}`].join(', ');
  const same = sameAdapter ? '' : '; THE ADAPTERS DIFFER';
  return `cycle ${ours.wall.toFixed(2)} s (${parts}; into Ollama ${ours.intoOllama.toFixed(2)}; load ${load.ours}), peer ${peer.toFixed(2)} s (load ${load.peer}), ratio ${(ours.wall / peer).toFixed(3)}${same}`;
}
