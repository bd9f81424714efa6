import type { LeakCheck, Split } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import type { Draft } from './draft.ts';
import type { NearPair } from './near/clusters.ts';
import type { From } from './replay/answers.ts';

/** What is in a version, with where it stands. */
export interface Placed {
  draft: Draft;
  split: Split;
  /** Where the prompt of a replayed answer is from. */
  from?: From;
}

/** What was found of pairs across splits; documents are numbered as drafts are. */
interface LookedFor {
  /** From which similarity on two are alike. */
  jaccard: number;
  /** Those that are, looked for so that none is missed. */
  pairs: readonly NearPair[];
  /** The closest two that are in the version. */
  closest: NearPair | null;
}

/** Looks for whatever stands in two splits, over all that goes into a version. */
export function checkLeaks(placed: readonly Placed[], { jaccard, pairs, closest: next }: LookedFor): LeakCheck {
  const [most] = pairs.toSorted((a, b) => b.jaccard - a.jaccard);
  const closest = most ?? next;
  const idOf = (document: number): string => placed.find(({ draft }) => draft.index === document)?.draft.id ?? '';
  const named = closest && {
    jaccard: Number(closest.jaccard.toFixed(4)),
    a: idOf(closest.a),
    b: idOf(closest.b),
  };
  return {
    ...standingInTwo(placed),
    corrections: inTwo(placed, ({ corrections }) => corrections),
    pairs: pairs.length,
    jaccard,
    closest: named,
  };
}

/** Conversations and prompts that stand in two splits. */
export function standingInTwo(placed: readonly Placed[]): Pick<LeakCheck, 'nodes' | 'prompts'> {
  return {
    nodes: numbersInTwo(placed, ({ nodeKey }) => nodeKey),
    prompts: numbersInTwo(placed, ({ promptKey }) => promptKey),
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

/** The same of numbers that are counted up from 0. */
function numbersInTwo(placed: readonly Placed[], keyOf: (draft: Draft) => number): number {
  const first: (Split | undefined)[] = [];
  const leaking = new Set<number>();
  for (const { draft, split } of placed) {
    const key = keyOf(draft);
    const before = first[key];
    if (before === undefined) first[key] = split;
    else if (before !== split) leaking.add(key);
  }
  return leaking.size;
}

function inTwo(placed: readonly Placed[], keysOf: (draft: Draft) => readonly string[]): number {
  const first = new Map<string, Split>();
  const leaking = new Set<string>();
  for (const { draft, split } of placed) {
    const keys = keysOf(draft);
    if (keys.length === 0) continue;
    for (const key of keys) {
      const before = first.get(key) ?? split;
      first.set(key, before);
      if (before !== split) leaking.add(key);
    }
  }
  return leaking.size;
}
