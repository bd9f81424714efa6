import { rounded } from '../statistics.ts';
import type { Claim } from '../types.ts';
import { type Arm, type Measured, sizes } from './arms.ts';
import type { Served } from './served.ts';
import { type Interval, gainRatio, inPercent, intervalOf, lostShare } from './figures.ts';

type Metric = 'compliance' | 'facts';

/** Values of an arm, a seed after the other. */
export type Values = (arm: Arm, metric?: Metric) => number[];

/** Least compliance on unseen prompts, by how many chats were rated. */
const wanted = { 50: 0.6, 200: 0.8, 1000: 0.95 } as const;
const limits = { base: 0.2, facts: 0.02, gain: 1.25, noise: 0.25, more: 0.05, served: 0.02 } as const;
/** Where the second world is to be. */
const tuned = { low: 0.5, high: 0.75 } as const;

export function valuesOf(measured: readonly Measured[]): Values {
  return (arm, metric = 'compliance') =>
    measured
      .filter((one) => one.arm === arm)
      .sort((a, b) => a.seed - b.seed)
      .map((one) => one[metric]);
}

/** Every claim, from what was measured. */
export function claimsOf(measured: readonly Measured[]): Claim[] {
  const values = valuesOf(measured);
  return [
    baseClaim(values),
    ...sizes.map((size) => complianceClaim(values, size)),
    ...sizes.map((size) => factsClaim(values, size)),
    ...sizes.map((size) => gainClaim(values, size, failures(measured, size))),
    noiseClaim(values),
    tunedClaim(values),
    moreClaim(values, measured),
  ];
}

function baseClaim(values: Values): Claim {
  const most = Math.max(...values('base'));
  return alone('unseen prompts that the base answers as wanted, in %, at the most', most, {
    target: 'under 20',
    holds: most < limits.base,
  });
}

function complianceClaim(values: Values, size: (typeof sizes)[number]): Claim {
  const found = intervalOf(values(`ours ${size}`));
  const name = `unseen prompts answered as wanted after ${size} rated chats, in %; ${spread(found)}`;
  return alone(name, found.mean, { target: `at least ${100 * wanted[size]}`, holds: found.mean >= wanted[size] });
}

function factsClaim(values: Values, size: (typeof sizes)[number]): Claim {
  const change = intervalOf(differences(values(`ours ${size}`, 'facts'), values('base', 'facts')));
  const name = `change of right answers after ${size} rated chats, in points; ${spread(change)}`;
  return alone(name, change.mean, { target: 'at least -2', holds: change.mean >= -limits.facts });
}

function gainClaim(values: Values, size: (typeof sizes)[number], failed: number): Claim {
  const before = values('base');
  const [mine, theirs] = [differences(values(`ours ${size}`), before), differences(values(`stock ${size}`), before)];
  const ratio = gainRatio(mine, theirs);
  const [ours, peer] = [intervalOf(mine), intervalOf(theirs)];
  const ended = failed > 0 ? `; it failed ${failed} times` : '';
  return {
    name: `gain of ${size} rated chats, in points, beside stock LitGPT's; ${spread(peer)}${ended}; more is better`,
    ours: rounded(100 * ours.mean, 1),
    peer: rounded(100 * peer.mean, 1),
    ratio: ratio === null ? null : rounded(ratio, 2),
    target: `at least ${limits.gain} times`,
    holds: ours.mean > 0 && (ratio === null || ratio >= limits.gain),
  };
}

function noiseClaim(values: Values): Claim {
  const gain = (arm: Arm) => intervalOf(differences(values(arm), values('base'))).mean;
  const [clean, noisy] = [gain('ours 200'), gain('noisy 200')];
  const lost = lostShare(clean, noisy);
  const name = `share of the gain of 200 rated chats that is lost when a fifth of the ratings is random, in %`;
  return alone(name, lost, { target: 'at most 25', holds: lost <= limits.noise });
}

function tunedClaim(values: Values): Claim {
  const found = intervalOf(values('thumbs sft'));
  const name = `as wanted in the world of thumbs, SFT on what is liked alone, in %; ${spread(found)}`;
  return alone(name, found.mean, { target: '50 to 75', holds: found.mean >= tuned.low && found.mean <= tuned.high });
}

function moreClaim(values: Values, measured: readonly Measured[]): Claim {
  const [picked, plain] = [values('thumbs auto'), values('thumbs sft')];
  const more = intervalOf(differences(picked, plain));
  const methods = new Set(measured.filter(({ arm }) => arm === 'thumbs auto').map(({ method }) => method));
  return {
    name: `as wanted in the world of thumbs, by what the recipe picks (${[...methods].join(', ')}) beside that, in %; more: ${spread(more)}`,
    ours: rounded(100 * intervalOf(picked).mean, 1),
    peer: rounded(100 * intervalOf(plain).mean, 1),
    ratio: null,
    target: 'at least 5 points more',
    holds: more.mean >= limits.more && !methods.has('sft'),
  };
}

/** Whether what is served is what was measured. */
export function servedClaim({ python, ollama, same, prompts }: Served): Claim {
  const name = `as wanted through Ollama, in %, beside the same adapter in Python; ${same} of ${prompts} answers are the same`;
  const apart = Math.abs(ollama.compliance - python.compliance);
  return {
    name,
    ours: rounded(100 * ollama.compliance, 1),
    peer: rounded(100 * python.compliance, 1),
    ratio: null,
    target: 'at most 2 points apart',
    holds: apart <= limits.served,
  };
}

function alone(name: string, ours: number, { target, holds }: Pick<Claim, 'target' | 'holds'>): Claim {
  return { name, ours: rounded(100 * ours, 1), peer: null, ratio: null, target, holds };
}

function failures(measured: readonly Measured[], size: number): number {
  return measured.filter(({ arm, error }) => arm === `stock ${size}` && error !== null).length;
}

function spread(found: Interval): string {
  return found.n < 2 ? 'one seed' : `${found.n} seeds, ${inPercent(found)}`;
}

function differences(after: readonly number[], before: readonly number[]): number[] {
  return after.map((value, at) => value - (before[at] ?? Number.NaN));
}
