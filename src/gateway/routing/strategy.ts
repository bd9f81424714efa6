import type { Deployment, Strategy } from '../../core/settings.ts';
import type { Route } from '../resolve.ts';

/** One of several models that are as good as each other, with what a choice among them goes by. */
export interface Candidate {
  target: Route;
  deployment: Deployment;
}

/** What is known of candidates now. */
export interface Standing {
  /** Calls that are being answered. */
  inFlight(target: Route): number;
  /** Tokens of the last minute. */
  tokens(target: Route): number;
  /** Mean time to the first piece, in ms; null when never measured. */
  latency(target: Route): number | null;
  /** US dollars for a million tokens in and a million out; null when not known. */
  price(target: Route): number | null;
}

/** How often the fastest is not asked first, so that the others are measured again. */
const exploration = 0.05;

type Order = (candidates: readonly Candidate[], standing: Standing, random: () => number) => Candidate[];

const orders: Readonly<Record<Strategy, Order>> = {
  order: (candidates) => [...candidates],
  shuffle: (candidates, _standing, random) => shuffled(candidates, random),
  'least-busy': (candidates, standing) => least(candidates, ({ target }) => standing.inFlight(target)),
  usage: (candidates, standing) => least(candidates, ({ target }) => standing.tokens(target)),
  latency: (candidates, standing, random) =>
    explored(
      least(candidates, ({ target }) => standing.latency(target) ?? -1),
      random,
    ),
  cost: (candidates, standing) => least(candidates, ({ target }) => standing.price(target) ?? Infinity),
};

/** Puts candidates in the order in which they are asked. `random` gives numbers from 0 to 1. */
export function inOrder(
  candidates: readonly Candidate[],
  strategy: Strategy,
  standing: Standing,
  random: () => number,
): Candidate[] {
  return orders[strategy](candidates, standing, random);
}

/**
 * By weight and without putting back (Efraimidis and Spirakis): the first is each of them as often as its weight says, and so
 * is the next among those that are left.
 */
function shuffled(candidates: readonly Candidate[], random: () => number): Candidate[] {
  return least(candidates, ({ deployment }) => -Math.log(1 - random()) / deployment.weight);
}

/** The least first; of equals, the one that stands first in the settings. */
function least(candidates: readonly Candidate[], of: (candidate: Candidate) => number): Candidate[] {
  return candidates
    .map((candidate) => ({ candidate, rank: of(candidate) }))
    .toSorted((a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : 0))
    .map(({ candidate }) => candidate);
}

function explored(ranked: readonly Candidate[], random: () => number): Candidate[] {
  if (ranked.length < 2 || random() >= exploration) return [...ranked];
  const at = 1 + Math.floor(random() * (ranked.length - 1));
  return ranked[at] ? [ranked[at], ...ranked.toSpliced(at, 1)] : [...ranked];
}
