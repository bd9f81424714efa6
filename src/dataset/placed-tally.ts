import type { Split } from '../core/dataset.ts';
import type { Kind } from './entry.ts';
import type { Placed } from './leak-check.ts';

/** What a version holds, in numbers. */
export interface PlacedTally {
  /** How many were corrected, approved, rejected and preferred. */
  signals: { corrected: number; approved: number; rejected: number; preferred: number };
  replayed: number;
  /** What is there to be trained on. */
  inTrain: ReadonlySet<Kind>;
  /** Where answers are that are learned. */
  learnedIn: ReadonlySet<Split>;
  /** Of how many conversation nodes these are; no more than `mostNodes` are told apart. */
  nodes: number;
}

/** Counts what is in a version, in one pass: each row is made for it. */
export function tallyOf(placed: Iterable<Placed>, mostNodes: number): PlacedTally {
  const signals = { corrected: 0, approved: 0, rejected: 0, preferred: 0 };
  const [inTrain, learnedIn, nodes] = [new Set<Kind>(), new Set<Split>(), new Set<string>()];
  let replayed = 0;
  for (const { draft, split } of placed) {
    const { kind, signal, node } = draft;
    if (split === 'train') inTrain.add(kind);
    if (kind === 'replay') replayed += 1;
    else if (kind === 'reject') signals.rejected += 1;
    else if (kind === 'prefer') signals.preferred += 1;
    else {
      signals[signal ?? 'approved'] += 1;
      learnedIn.add(split);
      if (nodes.size < mostNodes) nodes.add(node);
    }
  }
  return { signals, replayed, inTrain, learnedIn, nodes: nodes.size };
}
