import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FeedbackRecord } from '../store/types.ts';
import { judge } from './in-force.ts';

type Given = Partial<FeedbackRecord> & { at: number };
const rules = { min_rating: 1, min_score: 0.5, corrections: true } as const;
const correction = { role: 'assistant', content: 'better' };

function event({ at, ...rest }: Given, index: number): FeedbackRecord {
  return { id: `f${index}`, completionId: 'c', choice: 0, rater: 'anna', source: 'api', createdAt: at, ...rest };
}

describe('judge', () => {
  test.each<[string, Given[], string | null, string[]]>([
    ['nothing', [], null, []],
    ['a thumb up', [{ at: 1, rating: 1 }], 'approved', ['f0']],
    ['a thumb down', [{ at: 1, rating: -1 }], null, []],
    ['a comment alone', [{ at: 1, comment: 'hm' }], null, []],
    [
      'up, then down',
      [
        { at: 1, rating: 1 },
        { at: 2, rating: -1 },
      ],
      null,
      [],
    ],
    [
      'down, then up',
      [
        { at: 1, rating: -1 },
        { at: 2, rating: 1 },
      ],
      'approved',
      ['f1'],
    ],
    [
      'up, then down by another',
      [
        { at: 1, rating: 1 },
        { at: 2, rating: -1, rater: 'ben' },
      ],
      null,
      [],
    ],
    [
      'down, then up by another',
      [
        { at: 1, rating: -1, rater: 'ben' },
        { at: 2, rating: 1 },
      ],
      'approved',
      ['f1'],
    ],
    [
      'two thumbs up',
      [
        { at: 1, rating: 1 },
        { at: 2, rating: 1, rater: 'ben' },
      ],
      'approved',
      ['f0', 'f1'],
    ],
    ['a good score', [{ at: 1, score: 0.5 }], 'approved', ['f0']],
    ['a bad score', [{ at: 1, score: 0.4 }], null, []],
    [
      'up, then a bad score',
      [
        { at: 1, rating: 1 },
        { at: 2, score: 0.1 },
      ],
      null,
      [],
    ],
    [
      'up, then a bad score by another',
      [
        { at: 1, rating: 1 },
        { at: 2, score: 0.1, rater: 'ben' },
      ],
      'approved',
      ['f0'],
    ],
    ['down with a correction', [{ at: 1, rating: -1, correction }], 'corrected', ['f0']],
    [
      'a correction, then up',
      [
        { at: 1, correction },
        { at: 2, rating: 1 },
      ],
      'corrected',
      ['f0'],
    ],
    [
      'two corrections',
      [
        { at: 1, correction },
        { at: 2, correction, rater: 'ben' },
      ],
      'corrected',
      ['f1'],
    ],
    [
      'one time for both: the id decides',
      [
        { at: 1, rating: 1 },
        { at: 1, rating: -1 },
      ],
      null,
      [],
    ],
  ])('%s', (_name, given, signal, feedback) => {
    expect(judge(given.map(event), rules)).toEqual(signal === null ? null : { signal, feedback });
  });

  test('a recipe may take corrections only, or none', () => {
    const events = [event({ at: 1, rating: 1 }, 0), event({ at: 2, correction }, 1)];
    expect(judge(events.slice(0, 1), { ...rules, min_rating: null })).toBeNull();
    expect(judge(events, { ...rules, min_rating: null })?.signal).toBe('corrected');
    expect(judge(events, { ...rules, corrections: false })?.signal).toBe('approved');
  });

  test('does not depend on the order in which events are read', () => {
    const given = fc.record({
      at: fc.nat(5),
      rater: fc.constantFrom('anna', 'ben'),
      rating: fc.constantFrom<-1 | 1>(-1, 1),
    });
    const shuffled = fc
      .array(given, { maxLength: 6 })
      .chain((all) =>
        fc.tuple(fc.constant(all.map(event)), fc.shuffledSubarray(all.map(event), { minLength: all.length })),
      );
    fc.assert(
      fc.property(shuffled, ([events, other]) => {
        expect(judge(other, rules)).toEqual(judge(events, rules));
      }),
    );
  });
});

test('what was taken back does not count', () => {
  const events = [
    { id: 'a', completionId: 'c', choice: 0, rater: 'ada', source: 'api', createdAt: 1, rating: 1 as const },
    { id: 'b', completionId: 'c', choice: 0, rater: 'ada', source: 'api', createdAt: 2, undoes: 'a' },
    { id: 'd', completionId: 'c', choice: 0, rater: 'ada', source: 'api', createdAt: 3, undoes: 'b' },
  ];
  const rules = { min_rating: 1 as const, min_score: 0.5, corrections: true };
  expect(judge(events.slice(0, 1), rules)).toMatchObject({ signal: 'approved' });
  expect(judge(events.slice(0, 2), rules)).toBeNull();
  expect(judge(events, rules)).toEqual({ signal: 'approved', feedback: ['a'] });
});
