import type { Comparison } from '../core/evaluation.ts';
import { createRandom } from './random.ts';

/** Standard normal quantile at 0.975, for 95 % intervals. */
const z95 = 1.959963984540054;
const resamples = 10_000;
/** Up to this many non-zero differences every assignment of signs is counted (2^14 of them). */
const exactUpTo = 14;
const tolerance = 1e-12;

/** Counts of a paired yes/no outcome: both, only the first, only the second, neither. */
export interface PairedCounts {
  both: number;
  first: number;
  second: number;
  neither: number;
}

/**
 * Compares two models' scores on the same prompts. Scores that are all 0 or 1 get McNemar's exact test and Newcombe's
 * interval; others a sign-flip permutation test and a bootstrap interval, both from `seed`.
 */
export function comparePaired(
  candidate: readonly number[],
  other: readonly number[],
  seed: number,
): Omit<Comparison, 'against' | 'metric'> {
  const n = candidate.length;
  const means = { n, candidate: mean(candidate), other: mean(other) };
  if ([...candidate, ...other].every((score) => score === 0 || score === 1)) {
    const counts = countPairs(candidate, other);
    return {
      ...means,
      difference: n === 0 ? 0 : (counts.first - counts.second) / n,
      interval: newcombeInterval(counts),
      p: mcnemarExact(counts.first, counts.second),
      test: 'mcnemar-exact',
    };
  }
  const differences = candidate.map((score, index) => score - (other[index] ?? 0));
  return {
    ...means,
    difference: mean(differences),
    interval: bootstrapInterval(differences, seed),
    p: signFlip(differences, seed),
    test: 'sign-flip',
  };
}

/** Arithmetic mean; 0 of nothing. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Two-sided exact McNemar test on the discordant pairs: 2 · P(X ≤ min(b, c)) for X ~ Binomial(b + c, ½), at most 1
 * (McNemar 1947; exact form in Fay 2010, "Two-sided exact tests and matching confidence intervals").
 */
export function mcnemarExact(b: number, c: number): number {
  const n = b + c;
  let logTerm = -n * Math.LN2;
  let tail = Math.exp(logTerm);
  for (let k = 1; k <= Math.min(b, c); k++) {
    logTerm += Math.log(n - k + 1) - Math.log(k);
    tail += Math.exp(logTerm);
  }
  return Math.min(1, 2 * tail);
}

/**
 * Two-sided sign-flip permutation test that the mean of paired differences is 0 (Fisher 1935, §21). Exact for few non-zero
 * differences, else from 10,000 seeded flips with p = (1 + hits) / (1 + flips) (Phipson and Smyth 2010).
 */
export function signFlip(differences: readonly number[], seed: number): number {
  const nonZero = differences.filter((difference) => difference !== 0);
  const observed = Math.abs(nonZero.reduce((sum, difference) => sum + difference, 0)) - tolerance;
  if (nonZero.length <= exactUpTo) return exactSignFlip(nonZero, observed);
  const random = createRandom(seed);
  let hits = 0;
  for (let flip = 0; flip < resamples; flip++) {
    let sum = 0;
    for (const difference of nonZero) sum += random() < 0.5 ? difference : -difference;
    if (Math.abs(sum) >= observed) hits++;
  }
  return (1 + hits) / (1 + resamples);
}

function exactSignFlip(differences: readonly number[], observed: number): number {
  const assignments = 2 ** differences.length;
  let hits = 0;
  for (let signs = 0; signs < assignments; signs++) {
    const sum = differences.reduce(
      (total, difference, bit) => total + ((signs >> bit) & 1 ? -difference : difference),
      0,
    );
    if (Math.abs(sum) >= observed) hits++;
  }
  return hits / assignments;
}

/**
 * 95 % interval of the difference of two paired proportions: the square-and-add score interval with a continuity
 * correction to φ, method 10 of Newcombe 1998 (Statistics in Medicine 17:2635–2650).
 */
export function newcombeInterval({ both, first, second, neither }: PairedCounts): [number, number] {
  const n = both + first + second + neither;
  if (n === 0) return [-1, 1];
  const p1 = (both + first) / n;
  const p2 = (both + second) / n;
  const [lower1, upper1] = wilsonInterval(p1, n);
  const [lower2, upper2] = wilsonInterval(p2, n);
  const phi = correctedPhi({ both, first, second, neither }, n);
  const spread = (a: number, b: number): number => Math.sqrt(Math.max(0, a * a - 2 * phi * a * b + b * b));
  const difference = p1 - p2;
  return [
    Math.max(-1, difference - spread(p1 - lower1, upper2 - p2)),
    Math.min(1, difference + spread(upper1 - p1, p2 - lower2)),
  ];
}

function correctedPhi({ both, first, second, neither }: PairedCounts, n: number): number {
  const margins = (both + first) * (second + neither) * (both + second) * (first + neither);
  if (margins === 0) return 0;
  const product = both * neither - first * second;
  return (product > 0 ? Math.max(product - n / 2, 0) : product) / Math.sqrt(margins);
}

/** 95 % score interval of one proportion (Wilson 1927). */
export function wilsonInterval(p: number, n: number): [number, number] {
  const z2 = z95 * z95;
  const centre = 2 * n * p + z2;
  const half = z95 * Math.sqrt(z2 + 4 * n * p * (1 - p));
  return [Math.max(0, (centre - half) / (2 * (n + z2))), Math.min(1, (centre + half) / (2 * (n + z2)))];
}

/** 95 % percentile bootstrap interval of a mean, 10,000 seeded resamples (Efron 1979). */
export function bootstrapInterval(values: readonly number[], seed: number): [number, number] {
  if (values.length === 0) return [-1, 1];
  const random = createRandom(seed);
  const means = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    let sum = 0;
    for (let draw = 0; draw < values.length; draw++) sum += values[Math.floor(random() * values.length)] ?? 0;
    means[resample] = sum / values.length;
  }
  means.sort();
  return [means[Math.floor(0.025 * resamples)] ?? 0, means[Math.ceil(0.975 * resamples) - 1] ?? 0];
}

function countPairs(first: readonly number[], second: readonly number[]): PairedCounts {
  const counts: PairedCounts = { both: 0, first: 0, second: 0, neither: 0 };
  for (const [index, score] of first.entries()) {
    const rival = second[index] === 1;
    if (score === 1) counts[rival ? 'both' : 'first']++;
    else counts[rival ? 'second' : 'neither']++;
  }
  return counts;
}
