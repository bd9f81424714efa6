import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../src/config.ts';
import { type Measured, type Run, armNames, measure } from './learning/arms.ts';
import { claimsOf, servedClaim } from './learning/claims.ts';
import { intervalOf } from './learning/figures.ts';
import { type Python, startPython } from './learning/python.ts';
import { compareServed } from './learning/served.ts';
import { dealWorld } from './learning/world.ts';
import type { Bench, BenchContext, Outcome } from './types.ts';

/** The bench is made for two cores; each process trains with one thread. */
const processes = 2;

/** Whether training with what people rated teaches what they wanted, and keeps what the base knew. */
export const learning: Bench = {
  name: 'learning',
  kind: 'bench',
  about: 'what 50, 200 and 1000 rated chats teach the tiny base, beside stock LitGPT; seeds',
  parts: ['python', 'ollama'],
  count: 5,
  resumes: true,
  run,
};

async function run({ count, paths, tell, partial }: BenchContext): Promise<Outcome> {
  const { cacheDir } = loadConfig();
  mkdirSync(cacheDir, { recursive: true });
  const folder = mkdtempSync(join(cacheDir, 'bench-learning-'));
  const started: Python[] = [];
  try {
    for (let number = 0; number < processes; number += 1) {
      started.push(await startPython(paths.python ?? '', folder, `python-${number}`));
    }
    const [first] = started;
    if (!first) throw new Error('No Python was started.');
    const words = await first.ask('words', {});
    const shared = { words, folder, cache: join(folder, 'cache') };
    const measured = await measureAll(shared, started, { count, tell, partial });
    const place = { python: first, folder: join(folder, 'served'), cache: shared.cache };
    const served = await compareServed(place, dealWorld(words, 1), paths.ollama ?? '');
    tell(`  Ollama says the same as Python to ${served.same} of ${served.prompts} unseen prompts.`);
    const claims = [...claimsOf(measured), servedClaim(served)];
    return { claims, details: { means: meansOf(measured), served, measured } };
  } finally {
    await Promise.all(started.map((python) => python.stop()));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Every arm of every seed, each by the process that is free first; those that an interrupted run measured are taken from it. */
async function measureAll(
  shared: Run,
  pythons: readonly Python[],
  { count, tell, partial }: Pick<BenchContext, 'count' | 'tell' | 'partial'>,
): Promise<Measured[]> {
  const all = armNames.flatMap((arm) => Array.from({ length: count }, (_, at) => ({ arm, seed: at + 1 })));
  const isOf = (one: { arm: string; seed: number }) => (other: { arm: string; seed: number }) =>
    one.arm === other.arm && one.seed === other.seed;
  const measured = partial.read<Measured>().filter((found) => all.some(isOf(found)));
  if (measured.length > 0) tell(`Going on after ${measured.length} of an earlier run; --fresh begins anew.`);
  const queue = all.filter((one) => !measured.some(isOf(one))).values();
  const work = async (python: Python) => {
    for (const { arm, seed } of queue) {
      const found = await measure(shared, python, seed, arm);
      partial.add(found);
      measured.push(found);
      tell(`  ${measured.length}/${all.length} ${describe(found)}`);
    }
  };
  await Promise.all(pythons.map(work));
  return measured.sort((a, b) => a.seed - b.seed || armNames.indexOf(a.arm) - armNames.indexOf(b.arm));
}

function meansOf(measured: readonly Measured[]) {
  return Object.fromEntries(
    armNames.map((arm) => {
      const of = measured.filter((one) => one.arm === arm);
      const [compliance, facts] = [of.map((one) => one.compliance), of.map((one) => one.facts)];
      return [arm, { compliance: intervalOf(compliance), facts: intervalOf(facts) }];
    }),
  );
}

function describe({ seed, arm, compliance, facts, seconds, error }: Measured): string {
  const shares = `${(100 * compliance).toFixed(1)} % as wanted, ${(100 * facts).toFixed(1)} % right`;
  return `seed ${seed}, ${arm}: ${shares}, ${seconds.toFixed(0)} s${error === null ? '' : `; ${error}`}`;
}
