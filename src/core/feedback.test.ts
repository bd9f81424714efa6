import fc from 'fast-check';
import { expect, test } from 'vitest';
import { standing } from './feedback.ts';

const event = (id: string, createdAt: number, undoes?: string) => ({ id, createdAt, ...(undoes && { undoes }) });
const ids = (events: { id: string }[]) => events.map(({ id }) => id);

test.each([
  ['nothing is taken back', [event('a', 1), event('b', 2)], ['a', 'b']],
  ['one is', [event('a', 1), event('b', 2), event('c', 3, 'a')], ['b']],
  ['taking back is taken back', [event('a', 1), event('b', 2, 'a'), event('c', 3, 'b')], ['a']],
  ['and once more', [event('a', 1), event('b', 2, 'a'), event('c', 3, 'b'), event('d', 4, 'c')], []],
  ['within one millisecond, ids tell the order', [event('a', 1), event('b', 1, 'a'), event('c', 1, 'b')], ['a']],
])('%s', (_name, events, expected) => {
  expect(ids(standing(events))).toEqual(expected);
});

test('the order in which events come does not matter', () => {
  const log = fc
    .array(fc.option(fc.nat(), { nil: undefined }), { maxLength: 30 })
    .map((backs) =>
      backs.map((back, at) =>
        event(`${at + 100}`, at, back === undefined || at === 0 ? undefined : `${(back % at) + 100}`),
      ),
    );
  fc.assert(
    fc.property(
      log.chain((events) => fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length }))),
      ([events, shuffled]) => {
        expect(ids(standing(shuffled)).toSorted()).toEqual(ids(standing(events)).toSorted());
      },
    ),
  );
});
