import { median, rounded } from '../statistics.ts';
import type { Claim } from '../types.ts';
import type { Joined } from './protocol.ts';
import type { Quality } from './quality.ts';

export const contenders = ['ours', 'datasketch', 'datatrove', 'rensa'] as const;
export type Contender = (typeof contenders)[number];

/** One contender in one round. */
export interface Measured extends Quality {
  /** Of a processor. */
  seconds: number;
  /** Of these, until all texts had their signatures. */
  signing: number;
  /** Seconds that went by. */
  wall: number;
}

export interface Round {
  texts: number;
  of: Record<Contender, Measured>;
}

/** How many pairs of a known similarity were joined. */
export interface Planned extends Joined {
  name: string;
  pairs: number;
  /** Null where none may be joined. */
  least: number | null;
}

/** How many times as long a peer is to take. */
const targets = { datasketch: 10, datatrove: 3 } as const;
/** Recalls that differ by no more are equal: the noise of one pair in two hundred. */
const equal = 0.005;

export function claimsOf(rounds: readonly Round[], planned: readonly Planned[]): Claim[] {
  return [
    speedClaim(rounds, 'datasketch'),
    speedClaim(rounds, 'datatrove'),
    equalClaim(rounds, 'datasketch'),
    equalClaim(rounds, 'datatrove'),
    ...planned.map(recallClaim),
    wrongClaim(rounds, planned),
  ];
}

type Peer = keyof typeof targets;

/** What a text costs from its characters to its cluster; only at an equal recall it counts. */
function speedClaim(rounds: readonly Round[], peer: Peer): Claim {
  const ratio = median(rounds.map(({ of }) => of.ours.seconds / of[peer].seconds));
  return {
    name: `near duplicates, µs of a core for a text, beside ${peer}`,
    ours: rounded(costOf(rounds, 'ours'), 1),
    peer: rounded(costOf(rounds, peer), 1),
    ratio: rounded(ratio),
    target: `at most 1/${targets[peer]} at equal recall`,
    holds: ratio <= 1 / targets[peer] && findsAsMuch(rounds, peer),
  };
}

function equalClaim(rounds: readonly Round[], peer: Peer): Claim {
  return {
    name: `recall of planted pairs of J ≥ 0.8, beside ${peer}`,
    ours: rounded(recallOf(rounds, 'ours'), 4),
    peer: rounded(recallOf(rounds, peer), 4),
    ratio: null,
    target: `at most ${equal} below`,
    holds: findsAsMuch(rounds, peer),
  };
}

function findsAsMuch(rounds: readonly Round[], peer: Peer): boolean {
  return recallOf(rounds, 'ours') >= recallOf(rounds, peer) - equal;
}

function recallClaim({ name, pairs, joined, wrong, least }: Planned): Claim {
  const share = joined / pairs;
  return {
    name: `share of ${pairs.toLocaleString('en')} pairs of ${name} that is joined`,
    ours: rounded(share, 5),
    peer: null,
    ratio: null,
    target: least === null ? 'none' : `at least ${least}`,
    holds: wrong === 0 && (least === null ? joined === 0 : share >= least),
  };
}

function wrongClaim(rounds: readonly Round[], planned: readonly Planned[]): Claim {
  const wrong = sum(rounds.map(({ of }) => of.ours.wrong)) + sum(planned.map((one) => one.wrong));
  return {
    name: 'texts joined with none that is like them',
    ours: wrong,
    peer: sum(rounds.map(({ of }) => of.datatrove.wrong)),
    ratio: null,
    target: 'none (datatrove verifies nothing)',
    holds: wrong === 0,
  };
}

/** The ratios of the speed claims by the clock, which is what a busy machine makes of them. */
export function clockOf(rounds: readonly Round[]): string {
  const ratioTo = (peer: Peer) => median(rounds.map(({ of }) => of.ours.wall / of[peer].wall)).toFixed(3);
  return `Ratios by the clock: ${ratioTo('datasketch')} to datasketch, ${ratioTo('datatrove')} to datatrove`;
}

/** A line for each contender. */
export function tableOf(rounds: readonly Round[]): string[] {
  const head = ['', 'texts/s', 'µs a text', 'signing', 'wall', 'recall J ≥ 0.8', 'J ≥ 0.9', 'wrong joins'];
  const rows = contenders.map((name) => [
    name,
    (1e6 / costOf(rounds, name)).toFixed(0),
    costOf(rounds, name).toFixed(1),
    median(rounds.map(({ of, texts }) => (of[name].signing / texts) * 1e6)).toFixed(1),
    median(rounds.map(({ of, texts }) => (of[name].wall / texts) * 1e6)).toFixed(1),
    recallOf(rounds, name).toFixed(4),
    mean(rounds.map(({ of }) => of[name].recall90)).toFixed(4),
    String(sum(rounds.map(({ of }) => of[name].wrong))),
  ]);
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Microseconds a text. */
function costOf(rounds: readonly Round[], name: Contender): number {
  return median(rounds.map(({ of, texts }) => (of[name].seconds / texts) * 1e6));
}

function recallOf(rounds: readonly Round[], name: Contender): number {
  return mean(rounds.map(({ of }) => of[name].recall));
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
