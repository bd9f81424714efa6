import { standing } from '../core/feedback.ts';
import type { ReviewAnswer, ReviewStore } from '../store/review-types.ts';
import type { FeedbackRecord, FeedbackStore } from '../store/types.ts';
import { type Alpha, createAlpha } from './agreement-alpha.ts';
import { type Opinion, byAge, opinionsInForce } from './review-opinions.ts';
import { byAnswer, nameOf } from './review.ts';

export interface AgreementDeps {
  review: Pick<ReviewStore, 'rated' | 'againIn'>;
  feedback: Pick<FeedbackStore, 'ofCompletions'>;
}

/** What one rater's judgements in force are, and whether they say the same when asked again. */
export interface RaterFigures {
  rater: string;
  ratings: number;
  /** How many of the ratings are thumbs up. */
  up: number;
  scores: number;
  meanScore: number | null;
  again: AgainFigures;
}

/** Answers that were asked for again. Shares and means are null where there is nothing to tell them from. */
interface AgainFigures {
  ratings: number;
  equal: number;
  /** The share of ratings that equal the first. */
  consistency: number | null;
  scores: number;
  /** How far the scores are from the first, on average. */
  meanDifference: number | null;
}

/** Two raters on the answers that both judged. */
export interface PairFigures {
  raters: [string, string];
  ratings: number;
  equal: number;
  scores: number;
  meanDifference: number | null;
}

export interface Agreement {
  ratings: Alpha;
  scores: Alpha;
  /** Those with the most in common first. */
  pairs: PairFigures[];
  /** By name. */
  raters: RaterFigures[];
}

const answersAtOnce = 500;

/** How far raters agree with each other and with themselves, over everything that is in force. Nothing but sums is kept on the way. */
export async function measureAgreement({ review, feedback }: AgreementDeps): Promise<Agreement> {
  const sums = createSums();
  let after: ReviewAnswer | null = null;
  do {
    const answers: ReviewAnswer[] = await review.rated({ after, limit: answersAtOnce });
    const ids = [...new Set(answers.map(({ completionId }) => completionId))];
    const events = byAnswer(await feedback.ofCompletions(ids));
    const again = answers.length > 0 ? await review.againIn(ids) : new Set<string>();
    for (const answer of answers) sums.add(events.get(nameOf(answer)) ?? [], again);
    after = answers.length < answersAtOnce ? null : (answers.at(-1) ?? null);
  } while (after);
  return sums.result();
}

function createSums() {
  const ratings = createAlpha('nominal');
  const scores = createAlpha('interval');
  const raters = new Map<string, RaterSum>();
  const pairs = new Map<string, PairSum>();
  return {
    add(events: readonly FeedbackRecord[], again: ReadonlySet<string>): void {
      const opinions = opinionsInForce(events).sort((a, b) => (a.rater < b.rater ? -1 : 1));
      ratings.add(opinions.flatMap(({ rating }) => rating ?? []));
      scores.add(opinions.flatMap(({ score }) => score ?? []));
      for (const opinion of opinions) addOpinion(raterIn(raters, opinion.rater), opinion);
      for (const [at, one] of opinions.entries()) {
        for (const other of opinions.slice(at + 1)) addPair(pairs, one, other);
      }
      addAgain(raters, standing(events).sort(byAge), again);
    },
    result: (): Agreement => ({
      ratings: ratings.result(),
      scores: scores.result(),
      pairs: [...pairs.values()].map(pairFigures).sort((a, b) => b.ratings + b.scores - a.ratings - a.scores),
      raters: [...raters.values()].map(raterFigures).sort((a, b) => (a.rater < b.rater ? -1 : 1)),
    }),
  };
}

interface Repeated {
  ratings: number;
  equal: number;
  scores: number;
  difference: number;
}

interface RaterSum {
  rater: string;
  ratings: number;
  up: number;
  scores: number;
  score: number;
  again: Repeated;
}

interface PairSum extends Repeated {
  raters: [string, string];
}

const nothingRepeated: Repeated = { ratings: 0, equal: 0, scores: 0, difference: 0 };

function raterIn(raters: Map<string, RaterSum>, rater: string): RaterSum {
  const known = raters.get(rater) ?? { rater, ratings: 0, up: 0, scores: 0, score: 0, again: { ...nothingRepeated } };
  raters.set(rater, known);
  return known;
}

function addOpinion(sum: RaterSum, { rating, score }: Opinion): void {
  if (rating !== undefined) sum.ratings += 1;
  if (rating === 1) sum.up += 1;
  if (score !== undefined) {
    sum.scores += 1;
    sum.score += score;
  }
}

function addPair(pairs: Map<string, PairSum>, one: Opinion, other: Opinion): void {
  const name = JSON.stringify([one.rater, other.rater]);
  const sum = pairs.get(name) ?? { raters: [one.rater, other.rater], ...nothingRepeated };
  if (compare(sum, one, other)) pairs.set(name, sum);
}

/** Whether there was anything to compare. */
function compare(sum: Repeated, one: Omit<Opinion, 'rater'>, other: Omit<Opinion, 'rater'>): boolean {
  const rated = one.rating !== undefined && other.rating !== undefined;
  const scored = one.score !== undefined && other.score !== undefined;
  if (rated) {
    sum.ratings += 1;
    sum.equal += Number(one.rating === other.rating);
  }
  if (one.score !== undefined && other.score !== undefined) {
    sum.scores += 1;
    sum.difference += Math.abs(one.score - other.score);
  }
  return rated || scored;
}

/** Compares what was said when asked again with the first that the same rater had said. Events come oldest first. */
function addAgain(raters: Map<string, RaterSum>, events: readonly FeedbackRecord[], again: ReadonlySet<string>): void {
  for (const event of events.filter(({ id }) => again.has(id))) {
    const earlier = events.filter((one) => one.rater === event.rater && byAge(one, event) < 0);
    const rating = earlier.find((one) => one.rating !== undefined)?.rating;
    const score = earlier.find((one) => one.score !== undefined)?.score;
    const first = { ...(rating !== undefined && { rating }), ...(score !== undefined && { score }) };
    compare(raterIn(raters, event.rater).again, first, event);
  }
}

function raterFigures({ rater, ratings, up, scores, score, again }: RaterSum): RaterFigures {
  const { difference, ...counts } = again;
  return {
    rater,
    ratings,
    up,
    scores,
    meanScore: share(score, scores),
    again: {
      ...counts,
      consistency: share(again.equal, again.ratings),
      meanDifference: share(difference, again.scores),
    },
  };
}

function pairFigures({ difference, ...rest }: PairSum): PairFigures {
  return { ...rest, meanDifference: share(difference, rest.scores) };
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
