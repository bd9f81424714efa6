import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FeedbackRecord } from '../store/types.ts';
import { type Opinion, disagree, opinionsInForce } from './review-opinions.ts';

test.each<[Omit<Opinion, 'rater'>[], boolean]>([
  [[], false],
  [[{ rating: 1 }], false],
  [[{ rating: 1 }, { rating: 1 }], false],
  [[{ rating: 1 }, { score: 0 }], false],
  [[{ rating: 1 }, { rating: 1 }, { rating: -1 }], true],
  [[{ score: 0.2 }, { score: 0.7 }], false],
  [[{ score: 0.64 }, { score: 0.14 }], false],
  [[{ score: 0.2 }, { score: 0.5 }, { score: 0.71 }], true],
])('%j disagree: %s', (given, expected) => {
  expect(disagree(given.map((one, at) => ({ rater: `rater ${at}`, ...one })))).toBe(expected);
});

const event = (at: number, rater: string, more: Partial<FeedbackRecord>): FeedbackRecord => {
  return { id: `event ${at}`, completionId: 'c', choice: 0, source: 'api', createdAt: at, rater, ...more };
};

test('the newest rating and the newest score of each rater are in force, unless they were taken back', () => {
  const events = [
    event(1, 'ada', { rating: 1, score: 0.9 }),
    event(2, 'ada', { rating: -1 }),
    event(3, 'bob', { rating: -1 }),
    event(4, 'bob', { undoes: 'event 3' }),
    event(5, 'carl', { comment: 'so so' }),
    event(6, 'dora', { score: 0.1 }),
    event(7, 'dora', { undoes: 'event 6' }),
    event(8, 'dora', { undoes: 'event 7' }),
  ];
  const expected = [
    { rater: 'ada', rating: -1, score: 0.9 },
    { rater: 'dora', score: 0.1 },
  ];
  fc.assert(
    fc.property(fc.shuffledSubarray(events, { minLength: events.length }), (given) => {
      expect(opinionsInForce(given)).toEqual(expected);
    }),
  );
});
