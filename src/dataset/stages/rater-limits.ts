import type { Recipe } from '../../core/recipe.ts';
import type { Draft } from '../draft.ts';
import type { Rating } from '../entry.ts';
import type { StageReport } from '../report.ts';
import { withinShare } from './share.ts';

type Limits = Pick<Recipe['build'], 'burst' | 'max_rater_share'>;

/** Sets aside ratings that were given faster than anybody reads, and keeps every rater's share of the text within bounds. */
export function limitRaters(drafts: readonly Draft[], stage: StageReport, limits: Limits): Draft[] {
  const left = setBurstsAside(drafts, stage, limits.burst);
  const most = limits.max_rater_share;
  if (most === null) return left;
  const drop = (draft: Draft): void => stage.drop(draft.id, 'over_rater_share');
  return withinShare(left, { most, groupOf: ({ raters }) => raters[0] ?? null, drop });
}

/** What rests on nothing but ratings of a burst goes; corrections are never of one. */
function setBurstsAside(drafts: readonly Draft[], stage: StageReport, burst: Limits['burst']): Draft[] {
  if (burst === null) return [...drafts];
  const quick = inBursts(
    drafts.flatMap(({ ratings }) => ratings),
    burst,
  );
  if (quick.size === 0) return [...drafts];
  return drafts.filter((draft) => {
    const { kind, signal, ratings, raters } = draft;
    const rated = kind !== 'prefer' && signal !== 'corrected';
    const others = raters.length > new Set(ratings.map(({ rater }) => rater)).size;
    if (!rated || others || !ratings.every((rating) => quick.has(rating))) return true;
    stage.drop(draft.id, 'burst_of_equal_ratings');
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
