import { createRoute, z } from '@hono/zod-openapi';
import { RatchetError } from '../core/errors.ts';
import { type Agreement, measureAgreement } from '../feedback/agreement.ts';
import type { Alpha } from '../feedback/agreement-alpha.ts';
import { type ReviewItem, createNextReview } from '../feedback/review.ts';
import type { Store } from '../store/types.ts';
import type { Routes } from './context.ts';
import { isoTime, presentCompletion } from './present.ts';
import { visibleOwner } from './roles.ts';
import { completionRecord, json, problems } from './schemas.ts';

const filter = z.string().min(1).max(300).optional();

const nextBody = z
  .strictObject({
    model: filter.openapi({ description: 'Only answers of this model: its name or its ref.' }),
    provider: filter,
    tag: filter.openapi({
      description: 'Only answers with this tag in `metadata.tags` of the request, or in feedback.',
    }),
  })
  .openapi('NewReview');

const item = z
  .object({
    reason: z.enum(['contradiction', 'disagreement', 'unrated']),
    choice: z.int(),
    /** The answer that it contradicts, where that is the reason. */
    contradicts: z.object({ completion_id: z.string(), choice: z.int() }).nullable(),
    /** Until when nobody else gets it. */
    until: z.string(),
    /** What others said of it is left out. */
    completion: completionRecord,
  })
  .openapi('Review');

const next = createRoute({
  method: 'post',
  path: '/api/review/next',
  tags: ['Review'],
  summary: 'What to rate next, and why; nobody else gets it for ten minutes',
  description:
    'Answers that the newest build of a dataset set aside because they contradict others come first, until somebody says something of them; then those that raters disagree about, then unrated ones of conversations in which nothing is rated, then other unrated ones. Now and then an answer that you have rated comes again, which is not told, to see whether you say the same.',
  request: { body: { required: true, content: { 'application/json': { schema: nextBody } } } },
  responses: { 200: json(z.object({ item: item.nullable() }), 'The answer; null when there is nothing'), ...problems },
});

const releaseBody = z
  .strictObject({ completion_id: z.string().min(1).max(200), choice: z.int().min(0).default(0) })
  .openapi('ReleasedReview');

const release = createRoute({
  method: 'post',
  path: '/api/review/release',
  tags: ['Review'],
  summary: 'Give an answer back without rating it',
  request: { body: { required: true, content: { 'application/json': { schema: releaseBody } } } },
  responses: { 200: json(z.object({ released: z.literal(true) }), 'Others may get it'), ...problems },
});

const alphaView = z
  .object({
    /** 1 is agreement, 0 what chance would give; null when there is nothing to tell it from. */
    alpha: z.number().nullable(),
    answers: z.int(),
    values: z.int(),
    pairs: z.int(),
  })
  .openapi('KrippendorffAlpha');

const agreementView = z
  .object({
    ratings: alphaView,
    scores: alphaView,
    pairs: z.array(
      z.object({
        raters: z.array(z.string()),
        ratings: z.int(),
        equal_ratings: z.int(),
        scores: z.int(),
        mean_score_difference: z.number().nullable(),
      }),
    ),
    raters: z.array(
      z.object({
        rater: z.string(),
        ratings: z.int(),
        up: z.int(),
        scores: z.int(),
        mean_score: z.number().nullable(),
        /** What was said when an answer was asked for again, beside the first that was said. */
        again: z.object({
          ratings: z.int(),
          equal_ratings: z.int(),
          consistency: z.number().nullable(),
          scores: z.int(),
          mean_score_difference: z.number().nullable(),
        }),
      }),
    ),
  })
  .openapi('Agreement');

const agreement = createRoute({
  method: 'get',
  path: '/api/review/agreement',
  tags: ['Review'],
  summary: 'How far raters agree, with each other and with themselves',
  description: "Krippendorff's alpha, nominal for ratings and interval for scores, over what is in force.",
  responses: { 200: json(agreementView, 'The figures'), ...problems },
});

const diffView = z
  .object({
    feedback_id: z.string(),
    completion_id: z.string(),
    choice: z.int(),
    removed_words: z.int(),
    added_words: z.int(),
    parts: z.array(z.object({ kind: z.enum(['same', 'removed', 'added']), text: z.string() })),
  })
  .openapi('CorrectionDiff');

const diff = createRoute({
  method: 'get',
  path: '/api/feedback/{id}/diff',
  tags: ['Feedback'],
  summary: 'What a correction changed, word by word',
  request: { params: z.object({ id: z.string().min(1).max(100) }) },
  responses: { 200: json(diffView, 'The answer and its correction as stretches, in order'), ...problems },
});

export interface ReviewRouteDeps {
  store: Pick<Store, 'review' | 'feedback' | 'chats'>;
  /** Numbers from 0 up to 1; `Math.random` unless given. */
  random?: () => number;
}

/** `/api/review`, and what a correction changed. */
export function reviewRoutes({ store, random }: ReviewRouteDeps): Routes {
  const nextReview = createNextReview({ ...store, ...(random && { random }) });
  return (app) => {
    app.openapi(next, async (context) => {
      const principal = context.get('principal');
      const found = await nextReview(principal.owner, { owner: visibleOwner(principal), ...context.req.valid('json') });
      if (!found) return context.json({ item: null }, 200);
      return context.json({ item: presentItem(found) }, 200);
    });
    app.openapi(release, async (context) => {
      const { completion_id: completionId, choice } = context.req.valid('json');
      if (await store.review.release({ completionId, choice }, context.get('principal').owner)) {
        return context.json({ released: true as const }, 200);
      }
      throw new RatchetError(
        'NotFound',
        `You have no claim on choice ${choice} of "${completionId.slice(0, 100)}": it was rated, given back, or its time is over.`,
      );
    });
    app.openapi(agreement, async (context) => context.json(presentAgreement(await measureAgreement(store)), 200));
    app.openapi(diff, async (context) => {
      const { id } = context.req.valid('param');
      const { correctionDiff } = await import('../feedback/correction-diff.ts');
      const { completionId, choice, parts, ...words } = await correctionDiff(
        store,
        id,
        visibleOwner(context.get('principal')),
      );
      const { removedWords: removed_words, addedWords: added_words } = words;
      return context.json(
        { feedback_id: id, completion_id: completionId, choice, removed_words, added_words, parts },
        200,
      );
    });
  };
}

function presentItem({ completion, reason, choice, contradicts, until }: ReviewItem): z.infer<typeof item> {
  return {
    reason,
    choice,
    contradicts: contradicts && { completion_id: contradicts.completionId, choice: contradicts.choice },
    until: isoTime(until),
    completion: presentCompletion(completion, []),
  };
}

function presentAgreement({ ratings, scores, pairs, raters }: Agreement): z.infer<typeof agreementView> {
  return {
    ratings: presentAlpha(ratings),
    scores: presentAlpha(scores),
    pairs: pairs.map(({ equal, meanDifference, ...rest }) => {
      return { ...rest, equal_ratings: equal, mean_score_difference: meanDifference };
    }),
    raters: raters.map(({ meanScore, again, ...rest }) => ({
      ...rest,
      mean_score: meanScore,
      again: {
        ratings: again.ratings,
        equal_ratings: again.equal,
        consistency: again.consistency,
        scores: again.scores,
        mean_score_difference: again.meanDifference,
      },
    })),
  };
}

function presentAlpha({ units, ...rest }: Alpha): z.infer<typeof alphaView> {
  return { ...rest, answers: units };
}
