import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
const warmRuns = 3;
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
  /** All stages, with what was said before kept, and then with 1 % more chats. */
  cold: Built;
  /** Several times, since one takes seconds where the first takes minutes. */
  warm: Built[];
  /** The same chats as `warm`, without anything kept. */
  anew: Built;
}

interface Round extends Grown {
  of: Record<Setting, Built>;
  /** As `warm`, in a process that built the others before. */
  again: Built;
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
    of[name] = await buildOnce({ ...task, settings: settings[name] });
  }
  const grown = await grow(folder, { most, more: extra });
  const kept = {
    ...task,
    settings: settings.all,
    sampled: true as const,
    cacheDir: mkdtempSync(join(folder, 'kept-')),
  };
  const again = await buildOnce({ ...kept, first: [most], files: [most, extra] });
  return { of, again, ...grown };
}

/** Builds of chats, and of the same and some more: with what is kept of the first, and without. */
async function grow(folder: string, { most, more: extra }: { most: string; more: string }): Promise<Grown> {
  const cacheDir = mkdtempSync(join(folder, 'kept-'));
  const task = { folder, items: items(), settings: settings.all };
  const kept = { ...task, cacheDir, sampled: true as const };
  const cold = await buildOnce({ ...kept, files: [most] });
  const warm: Built[] = [];
  for (let run = 0; run < warmRuns; run += 1) {
    // From what the first build kept, each time.
    const again = mkdtempSync(join(folder, 'kept-'));
    cpSync(cacheDir, again, { recursive: true });
    warm.push(await buildOnce({ ...kept, cacheDir: again, files: [most, extra] }));
    rmSync(again, { recursive: true });
  }
  rmSync(cacheDir, { recursive: true });
  return { cold, warm, anew: await buildOnce({ ...task, cacheDir: null, files: [most, extra] }) };
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

async function buildOnce(task: Task): Promise<Built> {
  // What builds before wrote goes to the disk first, and not while this one is measured.
  await runProcess({ command: 'sync', args: [], cwd: task.folder, timeoutMs: 600_000 });
  const file = join(task.folder, 'task.json');
  writeFileSync(file, JSON.stringify(task));
  return JSON.parse(await inNode('child', [file])) as Built;
}

/** Its last line. */
async function inNode(script: string, args: string[]): Promise<string> {
  const command = [process.execPath, join(import.meta.dirname, 'build', `${script}.ts`), ...args];
  const pinned = canPin() ? ['taskset', '-c', String(cores.gateway), ...command] : command;
  const [first = '', ...rest] = pinned;
  const { code, stdout, tail } = await runProcess({
    command: first,
    args: rest,
    cwd: packageRoot,
    timeoutMs: 3_600_000,
  });
  if (code !== 0) throw new Error(`${script} failed: ${tail}`);
  return stdout.split('\n').at(-1) ?? '';
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
  const share = ({ warm, cold }: Grown): number => median(warm.map(({ compute = 0 }) => compute)) / (cold.compute ?? 0);
  const of = (value: (round: Round) => number): number => median(rounds.map(value));
  const isSame = ({ warm, anew }: Grown): boolean => warm.every(({ digest }) => digest === anew.digest);
  const same =
    isSame(grown) &&
    rounds.every(
      ({ again, of: { all }, ...round }) =>
        isSame(round) && again.digest === round.anew.digest && round.cold.digest === all.digest,
    );
  return [
    {
      name: 'processor time of the stages after 10,000 more chats than a million, to that of a first build, writing and hashing apart in both',
      ours: rounded(share(grown)),
      peer: null,
      ratio: rounded(share(grown)),
      target: 'at most 0.02',
      holds: share(grown) <= 0.02,
    },
    told(
      'the same with spooling, keeping and hashing',
      median(grown.warm.map(({ stages }) => stages)) / grown.cold.stages,
    ),
    told('the same of 1,000 more than 100,000, where a tenth as many pay for what a process does once', of(share)),
    told(
      'the same of these in a process that built the others before, as a worker does that goes on',
      of(({ again, cold }) => (again.compute ?? 0) / (cold.compute ?? 0)),
    ),
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

function atLeast(name: string, ours: number, target: number): Claim {
  return { name, ours: rounded(ours, 0), peer: null, ratio: null, target: `at least ${target}`, holds: ours >= target };
}
