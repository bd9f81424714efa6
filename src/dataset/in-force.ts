import type { LearnedSignal } from '../core/dataset.ts';
import { standing } from '../core/feedback.ts';
import type { FeedbackRecord } from '../store/types.ts';

/** What the feedback on one choice says about learning from it. */
export interface Verdict {
  signal: LearnedSignal;
  /** Ids of the events that the verdict rests on, sorted. */
  feedback: string[];
}

/** Which feedback counts: the parts of a recipe's `collect` that judge a choice. */
export interface Rules {
  min_rating: 1 | null;
  min_score: number;
  corrections: boolean;
}

/**
 * The verdict on one choice from its append-only feedback, or null when there is nothing to learn.
 *
 * Events that were taken back do not count. The newest event of each kind (rating, score, correction) by each rater is in force. A correction beats an approval,
 * and the newest correction beats the others. An approval is withdrawn by anybody's newer rating of −1, and by the same
 * rater's newer score below `min_score`.
 */
export function judge(events: readonly FeedbackRecord[], rules: Rules): Verdict | null {
  const inForce = eventsInForce(events);
  const corrections = inForce.filter(({ kind }) => kind === 'correction').map(({ event }) => event);
  const correction = corrections.at(-1);
  if (rules.corrections && correction) return { signal: 'corrected', feedback: [correction.id] };
  if (rules.min_rating === null) return null;
  const approvals = inForce.filter((opinion) => approves(opinion, rules));
  const standing = approvals.filter((opinion) => !inForce.some((other) => withdraws(other, opinion, rules)));
  if (standing.length === 0) return null;
  return { signal: 'approved', feedback: [...new Set(standing.map(({ event }) => event.id))].sort() };
}

/**
 * The feedback by which an answer is bad, or null: nothing approves of it, and somebody's rating of −1, or score below
 * `min_score`, is in force. Of every rater the newer one of rating and score counts.
 */
export function rejections(events: readonly FeedbackRecord[], rules: Pick<Rules, 'min_score'>): string[] | null {
  const newest = new Map<string, Opinion>();
  for (const opinion of eventsInForce(events)) {
    if (opinion.kind !== 'correction') newest.set(opinion.event.rater, opinion);
  }
  const opinions = [...newest.values()];
  const bad = opinions.filter(({ kind, event }) =>
    kind === 'rating' ? event.rating === -1 : (event.score ?? 1) < rules.min_score,
  );
  if (bad.length === 0 || bad.length < opinions.length) return null;
  return [...new Set(bad.map(({ event }) => event.id))].sort();
}

type Kind = 'rating' | 'score' | 'correction';
interface Opinion {
  kind: Kind;
  event: FeedbackRecord;
}

const kinds: readonly Kind[] = ['rating', 'score', 'correction'];

/** Oldest first; the newest event of a kind by a rater is the only one of that kind by that rater. */
function eventsInForce(events: readonly FeedbackRecord[]): Opinion[] {
  const newest = new Map<string, Opinion>();
  for (const event of standing(events).sort(byAge)) {
    for (const kind of kinds) {
      if (event[kind] !== undefined) newest.set(`${kind} ${event.rater}`, { kind, event });
    }
  }
  return [...newest.values()].sort((a, b) => byAge(a.event, b.event));
}

function approves({ kind, event }: Opinion, rules: Rules): boolean {
  if (kind === 'rating') return event.rating === 1;
  return kind === 'score' && event.score !== undefined && event.score >= rules.min_score;
}

function withdraws(other: Opinion, approval: Opinion, rules: Rules): boolean {
  if (byAge(other.event, approval.event) <= 0) return false;
  if (other.kind === 'rating') return other.event.rating === -1;
  if (other.kind !== 'score' || other.event.rater !== approval.event.rater) return false;
  return other.event.score !== undefined && other.event.score < rules.min_score;
}

function byAge(a: FeedbackRecord, b: FeedbackRecord): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
