import type { LeakCheck, Split } from '../core/dataset.ts';
import { RatchetError } from '../core/errors.ts';
import type { Draft } from './draft.ts';
import type { Drafts, Indexes } from './drafts.ts';
import type { NearPair } from './near/clusters.ts';
import type { From } from './replay/answers.ts';

/** A draft of a version, with where it stands. */
export interface Placed {
  draft: Draft;
  split: Split;
  /** Where the prompt of a replayed answer is from. */
  from?: From;
}

/** What goes into a version, and by its index the place of every draft's split among `splits`. */
export interface Placing {
  chosen: Indexes;
  labels: Uint8Array;
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
export function checkLeaks(drafts: Drafts, placing: Placing, { jaccard, pairs, closest: next }: LookedFor): LeakCheck {
  const [most] = pairs.toSorted((a, b) => b.jaccard - a.jaccard);
  const closest = most ?? next;
  const idOf = (document: number): string => drafts.ids.of(document);
  const named = closest && {
    jaccard: Number(closest.jaccard.toFixed(4)),
    a: idOf(closest.a),
    b: idOf(closest.b),
  };
  return {
    ...standingInTwo(drafts, placing),
    corrections: correctionsInTwo(drafts, placing),
    pairs: pairs.length,
    jaccard,
    closest: named,
  };
}

/** Conversations and prompts that stand in two splits. */
export function standingInTwo(drafts: Drafts, placing: Placing): Pick<LeakCheck, 'nodes' | 'prompts'> {
  const { node, nodes, prompt, prompts } = drafts;
  return { nodes: numbersInTwo(node, nodes.count(), placing), prompts: numbersInTwo(prompt, prompts, placing) };
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

/** How many of so many numbers, one for each draft, are of drafts in two splits. */
function numbersInTwo(numbers: Uint32Array, count: number, { chosen, labels }: Placing): number {
  /** One more than the label of the first with the number. */
  const first = new Uint8Array(count);
  const leaking = new Set<number>();
  for (const draft of chosen) {
    const number = numbers[draft] as number;
    const label = (labels[draft] as number) + 1;
    const before = first[number] as number;
    if (before === 0) first[number] = label;
    else if (before !== label) leaking.add(number);
  }
  return leaking.size;
}

/** How many corrections are of rows in two splits, of which one is held out: so those of the many others are only looked up. */
function correctionsInTwo({ corrections }: Drafts, { chosen, labels }: Placing): number {
  /** The split of the first row that is held out and has the correction. */
  const first = new Map<string, number>();
  const leaking = new Set<string>();
  for (const heldOut of [true, false]) {
    for (const draft of chosen) {
      const label = labels[draft] as number;
      if ((label !== 0) !== heldOut) continue;
      const ids = corrections[draft] as readonly string[];
      for (let at = 0; at < ids.length; at += 1) {
        const id = ids[at] as string;
        const before = first.get(id);
        if (before !== undefined && before !== label) leaking.add(id);
        else if (heldOut) first.set(id, label);
      }
    }
  }
  return leaking.size;
}
