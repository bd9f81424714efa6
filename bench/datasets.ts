import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../src/config.ts';
import { makeCorpus } from './datasets/corpus.ts';
import {
  type Contender,
  type Measured,
  type Planned,
  type Round,
  claimsOf,
  clockOf,
  contenders,
  tableOf,
} from './datasets/figures.ts';
import type { Command, Deduplicated, Joined } from './datasets/protocol.ts';
import { judge, threshold } from './datasets/quality.ts';
import { type Asked, canPin, cores, startAsked } from './gateway/child.ts';
import type { Bench, BenchContext, Outcome } from './types.ts';

const texts = 20_000;
/** Pairs of each similarity, and how many are planted at a time. */
const pairs = 100_000;
const batch = 5_000;

/** Pairs of a known similarity; shared and lonely shingles, or so many times both. */
const plans = [
  { name: 'J = 0.8', shared: 4, lonely: 1, threshold, least: 0.97 },
  { name: 'J = 0.9', shared: 9, lonely: 1, threshold, least: 0.999 },
  { name: 'J = 0.798', shared: 79, lonely: 20, threshold, least: null },
] as const;

/** What the build looks for near duplicates with. */
export const datasets: Bench = {
  name: 'datasets',
  kind: 'bench',
  about: 'near duplicates, from texts to clusters, beside datasketch, datatrove and rensa',
  parts: ['datasets-peers'],
  count: 5,
  run,
};

async function run({ count, paths, tell }: BenchContext): Promise<Outcome> {
  if (!canPin()) tell('taskset or a second core is missing: everything runs on any core, and the figures say little.');
  const { cacheDir } = loadConfig();
  mkdirSync(cacheDir, { recursive: true });
  const folder = mkdtempSync(join(cacheDir, 'bench-datasets-'));
  const started: Asked[] = [];
  try {
    const house = {} as Record<Contender, Asked>;
    for (const name of contenders) {
      house[name] = await start(name, folder, paths['datasets-peers'] ?? '');
      started.push(house[name]);
    }
    tell(`One round first that does not count, then ${count} of ${texts.toLocaleString('en')} texts each.`);
    const rounds: Round[] = [];
    for (let number = 0; number <= count; number += 1) {
      const round = await oneRound(house, number, folder);
      if (number > 0) rounds.push(round);
      tell(
        `  round ${number}: ${contenders.map((name) => `${name} ${round.of[name].seconds.toFixed(2)} s`).join(', ')}`,
      );
    }
    const planned = await joinPlanned(house.ours, tell);
    return {
      claims: claimsOf(rounds, planned),
      details: { pinned: canPin(), texts, rounds, planned },
      notes: [...tableOf(rounds), '', clockOf(rounds)],
    };
  } finally {
    for (const { process } of started) await process.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Each has the same core for itself: while one works the others wait. */
function start(name: Contender, folder: string, python: string): Promise<Asked> {
  const ours = name === 'ours';
  const script = ours ? join('datasets', 'ours.ts') : join('peers', 'datasets_dedup.py');
  const args = [join(import.meta.dirname, script), ...(ours ? [] : [name])];
  const single = { RAYON_NUM_THREADS: '1', OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', TMPDIR: folder };
  return startAsked({
    name,
    core: cores.gateway,
    command: ours ? process.execPath : python,
    args,
    env: single,
    folder,
  });
}

/** The same texts for each in turn; who is first changes from round to round. */
async function oneRound(house: Record<Contender, Asked>, number: number, folder: string): Promise<Round> {
  const corpus = makeCorpus(texts, number + 1);
  const file = join(folder, 'corpus.json');
  writeFileSync(file, JSON.stringify({ texts: corpus.texts }));
  const first = number % contenders.length;
  const of = {} as Record<Contender, Measured>;
  for (const name of [...contenders.slice(first), ...contenders.slice(0, first)]) {
    const command: Command = { do: 'deduplicate', file };
    const { seconds, signing, wall, roots } = await house[name].ask<Deduplicated>(command);
    of[name] = { seconds, signing, wall, ...judge(corpus, roots) };
  }
  return { texts, of };
}

async function joinPlanned(ours: Asked, tell: (line: string) => void): Promise<Planned[]> {
  const planned: Planned[] = [];
  for (const { name, least, ...plan } of plans) {
    const total: Planned = { name, least, pairs, joined: 0, wrong: 0 };
    for (let first = 0; first < pairs; first += batch) {
      const command: Command = { do: 'join', pairs: batch, first, ...plan };
      const { joined, wrong } = await ours.ask<Joined>(command);
      total.joined += joined;
      total.wrong += wrong;
    }
    planned.push(total);
    tell(`  ${name}: ${total.joined} of ${pairs} joined, ${total.wrong} wrongly`);
  }
  return planned;
}
