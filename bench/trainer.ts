import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../src/config.ts';
import { createWarmPython } from '../src/training/warm-python.ts';
import { type Place, type Setting, batch, runSide, writeJob } from './trainer/contenders.ts';
import { type Round, type Side, bestOf, checkpointClaim, claimsOf, instructedClaim, sides } from './trainer/figures.ts';
import { importClaims, measureImports } from './trainer/imports.ts';
import { shape, writeChats } from './trainer/make.ts';
import { runPython, tinyBase } from './trainer/run-python.ts';
import type { Bench, BenchContext, Outcome } from './types.ts';

const chats = 48;
/** Words of the instructions with which chats of a product begin. */
const instructions = 150;
/** So many that some checkpoints come, at a step in twenty. */
const longEpochs = 7;
/** What each side tries; a sequence is a whole answer or a whole chat. */
const settings: Readonly<Record<Side, readonly Setting[]>> = {
  ours: [2, 4, 8].map((micro) => ({ micro })),
  litgpt: ofBoth([1, 2]),
  trl: ofBoth([1, 2, 4]),
};

/** A training beside stock LitGPT's and TRL's, on chats of several turns. */
export const trainerBench: Bench = {
  name: 'trainer',
  kind: 'bench',
  about: 'learned tokens a second, the time to a first step, checkpoints and imports, beside stock LitGPT and TRL',
  parts: ['python', 'trl', 'ollama'],
  count: 3,
  run,
};

async function run({ count, paths, tell }: BenchContext): Promise<Outcome> {
  const { cacheDir } = loadConfig();
  mkdirSync(cacheDir, { recursive: true });
  const folder = mkdtempSync(join(cacheDir, 'bench-trainer-'));
  const python = paths.python ?? '';
  const place: Place = { folder, pythons: { ours: python, litgpt: python, trl: paths.trl ?? '' } };
  try {
    const data = await prepare(python, folder);
    tell(`${data.answers} rated answers of ${data.chats} chats, ${data.targets} learned tokens.`);
    const best = await findBest(place, tell);
    const rounds: Round[] = [];
    for (let number = 1; number <= count; number += 1) {
      rounds.push(await oneRound(place, best, number, tell));
    }
    const warm = await warmFirstSteps(place, best.ours.micro, count);
    const told = await withInstructions(place, best, tell);
    tell('Checkpoints at the default interval …');
    const long = await runSide('ours', place, best.ours, longEpochs);
    tell('A version of half a billion parameters into Ollama, as an adapter and whole …');
    const imports = await measureImports({ python, ollama: paths.ollama ?? '' }, folder);
    return {
      claims: [
        ...claimsOf(rounds, warm),
        instructedClaim(instructions, told),
        checkpointClaim(long),
        ...importClaims(imports),
      ],
      details: { shape, batch, settings, best, data, rounds, warm, told, imports },
      notes: [
        'Each side trains LoRA of rank 16 on all linear layers, one epoch, at its own best size, the peers in whichever of bfloat16 and 32 bits is faster. LitGPT takes an answer with the chat before it as one sample, TRL a chat.',
        'The model is random: 19 M parameters, a vocabulary of 16,384. No GPU was to be had.',
      ],
    };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function ofBoth(sizes: readonly number[]): Setting[] {
  return sizes.flatMap((micro) => [true, false].map((bfloat16) => ({ micro, bfloat16 })));
}

interface Data {
  answers: number;
  chats: number;
  targets: number;
  /** Tokens of each chat. */
  lengths: number[];
}

/** Ours and LitGPT, on the same chats with the same instructions before each; each set as was best without. */
async function withInstructions(
  { folder, pythons }: Place,
  best: Readonly<Record<Side, Setting>>,
  tell: (line: string) => void,
): Promise<Record<'ours' | 'litgpt', number>> {
  const place: Place = { folder: join(folder, 'instructed'), pythons };
  mkdirSync(place.folder);
  await prepare(pythons.ours, place.folder, instructions);
  const [ours, litgpt] = [await runSide('ours', place, best.ours), await runSide('litgpt', place, best.litgpt)];
  const told = { ours: ours.tokensPerSecond, litgpt: litgpt.tokensPerSecond };
  tell(`With instructions: ours ${told.ours.toFixed(1)}/s, litgpt ${told.litgpt.toFixed(1)}/s`);
  return told;
}

async function prepare(python: string, folder: string, words = 0): Promise<Data> {
  writeChats(join(folder, 'train.jsonl'), chats, 7, words);
  const args = [tinyBase, join(folder, 'train.jsonl'), folder];
  return JSON.parse(await runPython(python, 'trainer_data.py', args, join(folder, 'data.log'))) as Data;
}

async function findBest(place: Place, tell: (line: string) => void): Promise<Record<Side, Setting>> {
  const best = {} as Record<Side, Setting>;
  for (const side of sides) {
    const tried = new Map<Setting, number>();
    for (const setting of settings[side]) tried.set(setting, (await runSide(side, place, setting)).tokensPerSecond);
    best[side] = bestOf(tried);
    tell(`${side}: ${[...tried].map(([one, speed]) => `${JSON.stringify(one)} ${speed.toFixed(1)}/s`).join(', ')}`);
  }
  return best;
}

/** The same data for each in turn; who is first changes from round to round. */
async function oneRound(
  place: Place,
  best: Readonly<Record<Side, Setting>>,
  number: number,
  tell: (line: string) => void,
): Promise<Round> {
  const round = {} as Round;
  const first = number % sides.length;
  for (const side of [...sides.slice(first), ...sides.slice(0, first)]) {
    const { tokensPerSecond, firstStep, wall } = await runSide(side, place, best[side]);
    round[side] = { tokensPerSecond, firstStep, wall };
  }
  const told = sides.map((side) => `${side} ${round[side].tokensPerSecond.toFixed(1)}/s`);
  tell(`  round ${number}: ${told.join(', ')}`);
  return round;
}

/** Seconds to the end of the first step of jobs of a worker that has run one before. */
async function warmFirstSteps(place: Place, micro: number, count: number): Promise<number[]> {
  const warm = createWarmPython({ logFile: join(place.folder, 'warm.log') });
  const found: number[] = [];
  try {
    for (let number = 0; number <= count; number += 1) {
      const seconds = await warmFirstStep(warm, place, micro);
      if (number > 0) found.push(seconds);
    }
  } finally {
    await warm.stop();
  }
  return found;
}

async function warmFirstStep(warm: ReturnType<typeof createWarmPython>, place: Place, micro: number): Promise<number> {
  const work = mkdtempSync(join(place.folder, 'warm-'));
  const jobFile = writeJob(place, work, micro);
  const started = performance.now();
  let first = 0;
  const job = warm.start({
    python: place.pythons.ours,
    jobFile,
    logFile: join(work, 'log.txt'),
    onLine: (text) => {
      if (first === 0 && (JSON.parse(text) as { event: string }).event === 'step') first = performance.now();
    },
  });
  await job.exited;
  if (first === 0) throw new Error('The warm job made no step.');
  return (first - started) / 1000;
}
