import type { AnswerRef, FeedbackRecord } from '../store/types.ts';

export type Preferred = 'first' | 'second' | 'neither' | 'disputed';

/**
 * Which of two answers is the better one. The newest word of each rater on the two counts; `disputed` when raters say
 * different things.
 */
export function preferred(events: readonly FeedbackRecord[], first: AnswerRef, second: AnswerRef): Preferred {
  const newest = new Map<string, Preferred>();
  for (const event of [...events].sort(byAge)) {
    const word = wordOf(event, first, second);
    if (word) newest.set(event.rater, word);
  }
  const words = new Set(newest.values());
  const [only = 'neither'] = words;
  return words.size > 1 ? 'disputed' : only;
}

function wordOf(event: FeedbackRecord, first: AnswerRef, second: AnswerRef): Preferred | null {
  const about = { completionId: event.completionId, choice: event.choice };
  const isFirst = same(about, first);
  if (!isFirst && !same(about, second)) return null;
  const other = isFirst ? second : first;
  if (event.over?.some((ref) => same(ref, other))) return isFirst ? 'first' : 'second';
  return event.tiedWith?.some((ref) => same(ref, other)) ? 'neither' : null;
}

function same(one: AnswerRef, other: AnswerRef): boolean {
  return one.completionId === other.completionId && one.choice === other.choice;
}

function byAge(a: FeedbackRecord, b: FeedbackRecord): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt;
  return a.id < b.id ? -1 : 1;
}
