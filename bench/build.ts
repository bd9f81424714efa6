import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, packageRoot } from '../src/config.ts';
import { runProcess } from '../src/process/run.ts';
import type { Built, Task } from './build/task.ts';
import { canPin, cores } from './gateway/child.ts';
import { median, rounded } from './statistics.ts';
import type { Bench, BenchContext, Claim, Outcome } from './types.ts';

/** Chats of a round, and how many more come for the second build: 1 %. */
const chats = 100_000;
const more = chats / 100;
/** Chats for which the memory is looked at, and again what one in a hundred more costs. */
const million = 1_000_000;
const moreOfMillion = million / 100;
/** Several, since one takes seconds where a first build takes minutes: a machine is slower in one minute than in another. */
const warmRuns = 5;
/** The same of a build without the stages that take most of the time. */
const coreRuns = 3;
/** Chats whose splits are compared row by row. */
const splitChats = 3_000;
/** Questions of evaluations that are looked for. */
const questions = 1_000;

const core = { redact: [], quality: null } as const;
const off = { length: null, repetition: null, refusals: false, template_debris: false };
const settings = {
  /** Normalise, validate, duplicates, near duplicates, decontaminate, balance, split, write. */
  core,
  /** With redaction and the answer's language. */
  personal: { quality: off },
  all: {},
} as const;
type Setting = keyof typeof settings;

/** The whole build, from rated chats to the files of a version. */
export const build: Bench = {
  name: 'build',
  kind: 'bench',
  about:
    'a dataset version from rated chats: chats a second and core, what one in a hundred more costs, memory of a million',
  parts: ['python'],
  count: 3,
  run,
};

/** What one in a hundred more chats costs. */
interface Grown {
  /** All stages, and what was said is kept. */
  cold: Built;
  /** With 1 % more chats, by the process that built the others, as a worker does that goes on. */
  warm: Built[];
  /** The same, each in a process of its own. */
  apart: Built[];
  /** The same without anything kept. */
  anew: Built;
}

interface Round extends Grown {
  of: Record<Setting, Built>;
}

async function run({ count, paths, tell }: BenchContext): Promise<Outcome> {
  const { cacheDir } = loadConfig();
  mkdirSync(cacheDir, { recursive: true });
  const folder = mkdtempSync(join(cacheDir, 'bench-build-'));
  try {
    const files = { most: join(folder, 'most'), more: join(folder, 'more') };
    await make(files.most, 0, chats);
    await make(files.more, chats, more);
    const rounds: Round[] = [];
    for (let number = 0; number < count; number += 1) {
      rounds.push(await oneRound(folder, files));
      tell(`  round ${number + 1} of ${count}`);
    }
    const split = await splits(folder, paths.python ?? '');
    tell('A million chats, for the memory.');
    const large = join(folder, 'million');
    await make(large, 0, million);
    const most = await buildOnce({ files: [large], settings: core, cacheDir: null, folder, items: [] });
    tell('A million chats, and then one in a hundred more.');
    const both = { most: large, more: join(folder, 'more-of-million') };
    await make(both.more, million, moreOfMillion);
    const grown = await grow(folder, both);
    return {
      claims: [...claimsOf(rounds, most), ...grownClaims(rounds, grown), leakClaim(split)],
      details: { pinned: canPin(), chats, rounds, million: most, grown, split },
    };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** What evaluations ask. */
function items(): Task['items'] {
  return Array.from({ length: questions }, (_, at) => ({
    id: `q${at}`,
    messages: [
      { role: 'user', content: `what is the answer to the question with the number ${at} of the evaluation set` },
    ],
  }));
}

async function oneRound(folder: string, { most, more: extra }: { most: string; more: string }): Promise<Round> {
  const task = { files: [most], cacheDir: null, folder, items: items() };
  const of = {} as Record<Setting, Built>;
  for (const name of Object.keys(settings) as Setting[]) {
    const builds: Built[] = [];
    for (let run = 0; run < (name === 'core' ? coreRuns : 1); run += 1)
      builds.push(await buildOnce({ ...task, settings: settings[name] }));
    of[name] = middleOf(builds);
  }
  return { of, ...(await grow(folder, { most, more: extra })) };
}

/** Builds of chats, and of the same and some more: with what is kept of the first, and without. */
async function grow(folder: string, { most, more: extra }: { most: string; more: string }): Promise<Grown> {
  const kept = mkdtempSync(join(folder, 'kept-'));
  const task = { folder, items: items(), settings: settings.all };
  const cacheDir = join(kept, 'first');
  const first: Task = { ...task, files: [most], cacheDir, sampled: true };
  // From what the first build kept, each time.
  const second: Task = {
    ...first,
    files: [most, extra],
    cacheDir: join(kept, 'copy'),
    cacheFrom: cacheDir,
  };
  const again = Array.from({ length: warmRuns }, () => second);
  const [cold, ...warm] = (await buildAll([first, ...again])) as [Built, ...Built[]];
  const apart: Built[] = [];
  for (let run = 0; run < warmRuns; run += 1) apart.push(await buildOnce(second));
  rmSync(kept, { recursive: true });
  return { cold, warm, apart, anew: await buildOnce({ ...task, cacheDir: null, files: [most, extra] }) };
}

interface Splits {
  chats: number;
  /** Rows that are held out, and how many of them have a near duplicate in what is learned. */
  ours: { heldOut: number; leaking: number };
  litgpt: { heldOut: number; leaking: number };
}

/** What is held out of the same chats by us, and by LitGPT's data module, which draws rows. */
async function splits(folder: string, python: string): Promise<Splits> {
  const [file, rows] = [join(folder, 'split'), join(folder, 'split.json')];
  await make(file, 0, splitChats);
  const { places } = await buildOnce({
    files: [file],
    settings: core,
    cacheDir: null,
    folder,
    items: [],
    places: true,
  });
  const { kept = [], heldOut = [] } = places ?? {};
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  const keptFile = join(folder, 'split-kept');
  writeFileSync(keptFile, kept.map((at) => `${lines[at]}\n`).join(''));
  const ours = kept.flatMap((at, place) => (heldOut.includes(at) ? [place] : []));
  writeFileSync(rows, JSON.stringify(lines.map((_, at) => ({ instruction: String(at), output: '' }))));
  const share = heldOut.length / kept.length;
  const script = join(import.meta.dirname, 'peers', 'random_split.py');
  const args = [script, rows, String(share)];
  const drawn = await runProcess({ command: python, args, cwd: packageRoot, timeoutMs: 300_000 });
  if (drawn.code !== 0) throw new Error(`LitGPT did not split: ${drawn.tail}`);
  const theirs = JSON.parse(drawn.stdout.split('\n').at(-1) ?? '[]') as number[];
  const leaking = async (of: string, places_: readonly number[]): Promise<{ heldOut: number; leaking: number }> => {
    const listed = JSON.stringify(places_);
    return { heldOut: places_.length, leaking: Number(await inNode('leaks', [of, listed])) };
  };
  return { chats: splitChats, ours: await leaking(keptFile, ours), litgpt: await leaking(file, theirs) };
}

function leakClaim({ ours, litgpt }: Splits): Claim {
  return {
    name: `of ${ours.heldOut} rows held out, those with a near duplicate in what is learned, each compared with each, beside LitGPT's random split`,
    ours: ours.leaking,
    peer: litgpt.leaking,
    ratio: litgpt.leaking === 0 ? null : rounded(ours.leaking / litgpt.leaking),
    target: '0, where the random split leaks',
    holds: ours.leaking === 0 && litgpt.leaking > 0,
  };
}

async function make(file: string, first: number, count: number): Promise<void> {
  await inNode('make', [file, String(first), String(count)]);
}

/** One build by a process of its own. */
async function buildOnce(task: Task): Promise<Built> {
  const [built] = await buildAll([task]);
  return built as Built;
}

/** Several by one process. */
async function buildAll(tasks: readonly [Task, ...Task[]]): Promise<Built[]> {
  const file = join(tasks[0].folder, 'tasks.json');
  writeFileSync(file, JSON.stringify(tasks));
  return JSON.parse(await inNode('child', [file])) as Built[];
}

/** Its last line. */
async function inNode(script: string, args: string[]): Promise<string> {
  const command = [process.execPath, join(import.meta.dirname, 'build', `${script}.ts`), ...args];
  const pinned = canPin() ? ['taskset', '-c', String(cores.gateway), ...command] : command;
  const [first = '', ...rest] = pinned;
  const { code, stdout, tail } = await runProcess({
    command: first,
    args: rest,
    // As `bin/ratchet.js` starts what builds.
    env: { ...process.env, NODE_COMPILE_CACHE: join(loadConfig().cacheDir, 'compiled') },
    cwd: packageRoot,
    timeoutMs: 3_600_000,
  });
  if (code !== 0) throw new Error(`${script} failed: ${tail}`);
  return stdout.split('\n').at(-1) ?? '';
}

/** The one that is neither the fastest nor the slowest. */
function middleOf(builds: readonly Built[]): Built {
  const byPace = builds.toSorted((a, b) => perSecond(a) - perSecond(b));
  return byPace[byPace.length >> 1] as Built;
}

const perSecond = ({ rows, stages, writing }: Built): number => rows / (stages + writing);

function claimsOf(rounds: readonly Round[], most: Built): Claim[] {
  const of = (value: (round: Round) => number): number => median(rounds.map(value));
  const corePace = of((round) => perSecond(round.of.core));
  const personal = of(({ of: { personal: one, core: other } }) => one.rows / (one.stages - other.stages));
  const whole = of((round) => perSecond(round.of.all));
  const leaks = [...rounds.flatMap(({ warm }) => warm), most].reduce(
    (sum, { leaks: found }) => sum + (found?.pairs ?? 0),
    0,
  );
  return [
    atLeast('chats of 1 KB a second and core, all stages but redaction and quality, written', corePace, 8_000),
    atLeast('chats a second and core through redaction and the check of the language', personal, 2_000),
    {
      name: 'chats a second and core with every stage on',
      ours: rounded(whole, 0),
      peer: null,
      ratio: null,
      target: 'none',
      holds: true,
    },
    {
      name: 'memory of a million chats, in MiB',
      ours: rounded(most.peakMegabytes, 0),
      peer: null,
      ratio: null,
      target: 'at most 1024',
      holds: most.peakMegabytes <= 1024,
    },
    { name: 'near duplicates across splits', ours: leaks, peer: null, ratio: null, target: '0', holds: leaks === 0 },
  ];
}

/** What one in a hundred more chats costs: of a million, and of as many as a round has. */
function grownClaims(rounds: readonly Round[], grown: Grown): Claim[] {
  const computeOf = (builds: readonly Built[]): number => median(builds.map(({ compute = 0 }) => compute));
  const share = ({ warm, cold }: Grown): number => computeOf(warm) / computeOf([cold]);
  const shareApart = ({ apart, cold }: Grown): number => computeOf(apart) / computeOf([cold]);
  const of = (value: (round: Round) => number): number => median(rounds.map(value));
  const isSame = ({ warm, apart, anew }: Grown): boolean =>
    [...warm, ...apart].every(({ digest }) => digest === anew.digest);
  const same =
    isSame(grown) && rounds.every(({ of: { all }, ...round }) => isSame(round) && round.cold.digest === all.digest);
  return [
    atMost(
      'processor time of the stages after 10,000 more chats than a million, to that of a first build by the same process, as a worker is one that goes on; writing and hashing apart in both',
      share(grown),
      0.02,
    ),
    atMost('the same in a process of its own, which loads and compiles everything again', shareApart(grown), 0.02),
    told(
      'the same in one that goes on, with spooling, keeping and hashing',
      median(grown.warm.map(({ stages }) => stages)) / grown.cold.stages,
    ),
    told('the same of 1,000 more than 100,000, in one that goes on', of(share)),
    told('the same of these in a process of its own, of which a tenth as many pay for the start', of(shareApart)),
    {
      name: 'builds after 1 % more chats that differ from a first build',
      ours: same ? 0 : 1,
      peer: null,
      ratio: null,
      target: '0',
      holds: same,
    },
  ];
}

/** A ratio without a target. */
function told(name: string, ratio: number): Claim {
  return { name, ours: rounded(ratio), peer: null, ratio: rounded(ratio), target: 'none', holds: true };
}

/** A ratio that is to be small. */
function atMost(name: string, ratio: number, target: number): Claim {
  return { ...told(name, ratio), target: `at most ${target}`, holds: ratio <= target };
}

function atLeast(name: string, ours: number, target: number): Claim {
  return { name, ours: rounded(ours, 0), peer: null, ratio: null, target: `at least ${target}`, holds: ours >= target };
}
