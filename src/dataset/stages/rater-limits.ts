import type { Recipe } from '../../core/recipe.ts';
import { type Drafts, type Indexes, corrected, keepOf, prefer } from '../drafts.ts';
import type { Rating } from '../entry.ts';
import type { StageReport } from '../report.ts';
import { withinShare } from './share.ts';

type Limits = Pick<Recipe['build'], 'burst' | 'max_rater_share'>;

/** Sets aside ratings that were given faster than anybody reads, and keeps every rater's share of the text within bounds. */
export function limitRaters(input: Indexes, stage: StageReport, drafts: Drafts, limits: Limits): Indexes {
  const { raters, raterLists } = drafts;
  const left = setBurstsAside(input, stage, drafts, limits.burst);
  const most = limits.max_rater_share;
  if (most === null) return left;
  const drop = (draft: number): void => stage.dropDraft(draft, 'over_rater_share');
  const groupOf = (draft: number): string | null => raterLists[raters[draft] as number]?.[0] ?? null;
  return withinShare(left, drafts, { most, groupOf, drop });
}

/** What rests on nothing but ratings of a burst goes; corrections are never of one. */
function setBurstsAside(input: Indexes, stage: StageReport, drafts: Drafts, burst: Limits['burst']): Indexes {
  if (burst === null) return input;
  const { kind, signal, ratings, raters, raterLists } = drafts;
  const all: Rating[] = [];
  for (const draft of input) for (const rating of ratings[draft] ?? []) all.push(rating);
  const quick = inBursts(all, burst);
  if (quick.size === 0) return input;
  return keepOf(input, (draft) => {
    const own = ratings[draft] ?? [];
    const rated = kind[draft] !== prefer && signal[draft] !== corrected;
    const count = raterLists[raters[draft] as number]?.length ?? 0;
    const others = count > new Set(own.map(({ rater }) => rater)).size;
    if (!rated || others || !own.every((rating) => quick.has(rating))) return true;
    stage.dropDraft(draft, 'burst_of_equal_ratings');
    return false;
  });
}

/** The ratings that are among so many equal ones of one rater within the time. */
function inBursts(
  ratings: readonly Rating[],
  { ratings: many, seconds }: NonNullable<Limits['burst']>,
): ReadonlySet<Rating> {
  const quick = new Set<Rating>();
  for (const some of Map.groupBy(ratings, ({ rater, good }) => `${good} ${rater}`).values()) {
    some.sort((a, b) => a.at - b.at);
    let [from, marked] = [0, 0];
    for (const [to, { at }] of some.entries()) {
      while (at - (some[from]?.at ?? at) > seconds * 1000) from += 1;
      if (to - from + 1 < many) continue;
      for (const rating of some.slice(Math.max(from, marked), to + 1)) quick.add(rating);
      marked = to + 1;
    }
  }
  return quick;
}
