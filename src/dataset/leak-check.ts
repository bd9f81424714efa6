import type { LeakCheck, Split } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import type { Draft } from './draft.ts';
import { pairsAcross } from './near/across.ts';
import { closestAcross } from './near/closest.ts';
import type { NearPair } from './near/clusters.ts';
import type { Documents } from './near/documents.ts';

/** What is in a version, with where it stands. */
export interface Placed {
  draft: Draft;
  split: Split;
}

const labels: Record<Split, number> = { train: 0, val: 1, test: 2 };
/** What is less alike than this is of no interest. */
const floor = 0.2;

/** Pairs across splits that are at least so alike; none is missed. */
export function alikeAcross(placed: readonly Placed[], documents: Documents, jaccard: number): NearPair[] {
  return pairsAcross({ ...documents, labels: labelsOf(placed), threshold: jaccard });
}

function labelsOf(placed: readonly Placed[]): number[] {
  return placed.map(({ split }) => labels[split]);
}

/**
 * Looks for whatever stands in two splits, over all that goes into a version; `documents` are numbered as `placed` is. Near duplicates
 * are not looked for by their bands, as the build did, but so that none is missed.
 */
export function checkLeaks(
  placed: readonly Placed[],
  documents: Documents,
  jaccard: number,
  pairs = alikeAcross(placed, documents, jaccard),
): LeakCheck {
  const [most] = pairs.toSorted((a, b) => b.jaccard - a.jaccard);
  const closest = most ?? closestAcross({ ...documents, labels: labelsOf(placed), floor });
  const named = closest && {
    jaccard: Number(closest.jaccard.toFixed(4)),
    a: placed[closest.a]?.draft.id ?? '',
    b: placed[closest.b]?.draft.id ?? '',
  };
  return {
    nodes: inTwo(placed, ({ node }) => [node]),
    prompts: inTwo(placed, ({ promptKey }) => [promptKey]),
    corrections: inTwo(placed, ({ corrections }) => corrections),
    pairs: pairs.length,
    jaccard,
    closest: named,
  };
}

/** Throws a Bug when anything leaks: a figure measured on such a dataset would be worth nothing. */
export function refuseLeaks({ nodes, prompts, corrections, pairs, closest }: LeakCheck): void {
  const found = { conversations: nodes, prompts, corrections, 'near duplicates': pairs };
  const leaks = Object.entries(found).filter(([, count]) => count > 0);
  if (leaks.length === 0) return;
  const what = leaks.map(([name, count]) => `${count} ${name}`).join(', ');
  const example = closest ? `, such as ${closest.a} and ${closest.b}` : '';
  throw new RatchetError('Bug', `The dataset was not written: ${what} stand in two splits${example}.`);
}

function inTwo(placed: readonly Placed[], keysOf: (draft: Draft) => readonly string[]): number {
  const first = new Map<string, Split>();
  const leaking = new Set<string>();
  for (const { draft, split } of placed) {
    for (const key of keysOf(draft)) {
      const before = first.get(key) ?? split;
      first.set(key, before);
      if (before !== split) leaking.add(key);
    }
  }
  return leaking.size;
}
