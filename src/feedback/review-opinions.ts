import { standing } from '../core/feedback.ts';
import type { FeedbackRecord } from '../store/types.ts';

/** What one rater says of one answer now. */
export interface Opinion {
  rater: string;
  rating?: -1 | 1;
  score?: number;
}

/** Scores that are further apart than this disagree. */
const scoresApart = 0.5;

/** What each rater says of an answer: the newest rating and the newest score that were not taken back. */
export function opinionsInForce(events: readonly FeedbackRecord[]): Opinion[] {
  const opinions = new Map<string, Opinion>();
  for (const { rater, rating, score } of standing(events).sort(byAge)) {
    const known = opinions.get(rater) ?? { rater };
    if (rating !== undefined) opinions.set(rater, { ...known, rating });
    if (score !== undefined) opinions.set(rater, { ...(opinions.get(rater) ?? known), score });
  }
  return [...opinions.values()];
}

/** Whether raters disagree: a thumb up and a thumb down, or scores more than 0.5 apart. */
export function disagree(opinions: readonly Opinion[]): boolean {
  const ratings = new Set(opinions.flatMap(({ rating }) => rating ?? []));
  const scores = opinions.flatMap(({ score }) => score ?? []);
  return ratings.size > 1 || Math.max(...scores) - Math.min(...scores) > scoresApart;
}

/** The oldest first. */
export function byAge(a: FeedbackRecord, b: FeedbackRecord): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  return a.id < b.id ? -1 : 1;
}
