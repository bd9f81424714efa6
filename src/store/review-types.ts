import type { AnswerRef, CompletionFilter, Millis, Page, PageRequest } from './types.ts';

/** Why an answer is to be rated: a build set it aside, raters disagree, nothing stands, nothing was said of its completion, or to see whether its rater says the same. */
export type ReviewStage = 'contradicted' | 'disputed' | 'open' | 'untouched' | 'again';

/** An answer of a completion on which there is feedback. */
export interface ReviewAnswer extends AnswerRef {
  /** How many events there were on it. */
  events: number;
  /** When the last came. */
  at: Millis;
}

/** An answer that a build set aside because it contradicts another. */
export interface ContradictedAnswer extends AnswerRef {
  other: AnswerRef;
  /** When it was first set aside. */
  at: Millis;
}

/** An answer that somebody has before them, until they have rated it, give it back, or the time is over. */
export interface ReviewClaim extends AnswerRef {
  rater: string;
  until: Millis;
}

/** What is to be rated. Times are by the database's own clock. */
export interface ReviewStore {
  /**
   * Notes which answers the newest dataset version of a name set aside because they contradict others, in place of what the one
   * before did. What was said of an answer after `since`, or after it was first set aside for the same reason, has decided on it.
   */
  setAside(build: {
    name: string;
    digest: string;
    since: Millis;
    answers: readonly { answer: AnswerRef; other: AnswerRef }[];
  }): Promise<void>;
  /** Answers that are set aside and that nobody has decided on, the last first; one that contradicts several comes with each. */
  contradicted(
    filter: CompletionFilter,
    page: { after: ContradictedAnswer | null; limit: number },
  ): Promise<ContradictedAnswer[]>;
  /** Answers that changed since somebody looked whether their raters disagree. */
  unsettled(limit: number): Promise<ReviewAnswer[]>;
  /** Says what was seen; an answer that changed meanwhile stays unsettled. `rated`: whether anything said of it stands. */
  settle(answers: readonly (ReviewAnswer & { disputed: boolean; rated: boolean })[]): Promise<void>;
  /** Answers that raters disagree about, or of which nothing stands, and of which nothing that this rater said stands; the last touched first. */
  touched(
    stage: 'disputed' | 'open',
    scope: { filter: CompletionFilter; rater: string },
    page: { after: ReviewAnswer | null; limit: number },
  ): Promise<ReviewAnswer[]>;
  /** Answers of completions without feedback, with the tags of their requests. */
  untouched(filter: CompletionFilter, page: PageRequest): Promise<Page<AnswerRef & { tags: string[] }>>;
  /** What a rater rated or scored, the newest first: at most `skip + limit`. */
  ratedBy(rater: string, page: { skip: number; limit: number }): Promise<AnswerRef[]>;
  /** Claims on these completions that have not lapsed. */
  claims(answers: readonly AnswerRef[]): Promise<ReviewClaim[]>;
  /** Claims the first of these answers that nobody has, and that is still what it was found for; null when there is none. */
  claim(request: {
    answers: readonly AnswerRef[];
    rater: string;
    stage: ReviewStage;
    ttlMs: number;
  }): Promise<ReviewClaim | null>;
  /** Gives a claim back; false when the rater has none. */
  release(answer: AnswerRef, rater: string): Promise<boolean>;
  /** Every answer with feedback, in a fixed order. */
  rated(page: { after: AnswerRef | null; limit: number }): Promise<ReviewAnswer[]>;
  /** Ids of the events on these completions that were asked for to see whether their rater says the same. */
  againIn(completionIds: readonly string[]): Promise<ReadonlySet<string>>;
}
