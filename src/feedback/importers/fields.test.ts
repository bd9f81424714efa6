import { expect, test } from 'vitest';
import { eventId, remarks, shareOf, timeIn } from './fields.ts';

test.each<[unknown, number | null]>([
  [1_755_000_001, 1_755_000_001_000],
  [1_755_000_001.125, 1_755_000_001_125],
  [1_755_000_001_125, 1_755_000_001_125],
  ['2025-08-12T12:00:01.125Z', 1_755_000_001_125],
  ['2025-08-12T14:00:01.125+02:00', 1_755_000_001_125],
  [1_755_000_001_125_000_000, null],
  ['yesterday', null],
  [0, null],
  [-5, null],
  [Number.NaN, null],
  [null, null],
])('the time of %j is %j', (value, time) => {
  expect(timeIn(value)).toBe(time);
});

test.each<[unknown, number | undefined]>([
  [1, 0],
  [10, 1],
  [5.5, 0.5],
  [0, undefined],
  [11, undefined],
  [Number.NaN, undefined],
  ['5', undefined],
])('%j of 1 to 10 is %j', (value, share) => {
  expect(shareOf(value, 1, 10)).toBe(share);
});

test.each<[unknown[], unknown[], object]>([
  [['kind', ' kind ', '', null, 3], [], { tags: ['kind'] }],
  [[], ['  ', 'Well said. '], { comment: 'Well said.' }],
  [['kind', 'x'.repeat(65)], ['More.'], { tags: ['kind'], comment: `${'x'.repeat(65)}\nMore.` }],
  [[], [], {}],
])('of the words %j and %j remains %j', (words, said, remains) => {
  expect(remarks(words, ...said)).toEqual(remains);
});

test('an event that says something else is another', () => {
  expect(eventId('f', { rating: 1 })).toBe(eventId('f', { rating: 1 }));
  expect(eventId('f', { rating: 1 })).not.toBe(eventId('f', { rating: -1 }));
  expect(eventId('f', { rating: 1 })).not.toBe(eventId('g', { rating: 1 }));
});
