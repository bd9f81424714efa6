import { splits } from '../core/dataset.ts';
import type { Drafts } from './drafts.ts';
import type { Placed, Placing } from './leak-check.ts';
import { once } from './once.ts';
import type { From } from './replay/answers.ts';

/** What is in a version, sorted by id; each is made when it is asked for. */
export interface PlacedRows extends Iterable<Placed> {
  readonly length: number;
}

/** Goes through what is in a version; `fromOf` tells of a replayed answer where its prompt is from. */
export function placedRows(
  drafts: Drafts,
  { chosen, labels }: Placing,
  fromOf: (draft: number) => From | undefined,
): PlacedRows {
  const { ids } = drafts;
  const sorted = once(() => {
    const isSorted = chosen.every((draft, at) => at === 0 || ids.compare(chosen[at - 1] as number, draft) < 0);
    // As they came, where they are of one kind: kinds stand one after the other.
    return isSorted ? chosen : chosen.toSorted(ids.compare);
  });
  return {
    length: chosen.length,
    *[Symbol.iterator]() {
      for (const index of sorted()) {
        const from = fromOf(index);
        const split = splits[labels[index] as 0 | 1 | 2];
        yield { draft: drafts.draft(index), split, ...(from && { from }) };
      }
    },
  };
}
