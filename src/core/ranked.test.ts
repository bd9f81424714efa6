import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Rank, type Said, inForce, ranks } from './ranked.ts';

const said = (rank: Rank, value: number | undefined, place: string = rank): Said<number> => ({ rank, place, value });

test('who ranks highest has the word, and the others are named', () => {
  const all = [said('kind', 6), said('environment', 5, 'A'), said('environment', 4, 'B'), said('provider', 3)];
  expect(inForce(all, 0)).toEqual({ value: 3, source: 'provider', place: 'provider', over: ['A', 'B'] });
  expect(inForce(all.slice(0, 3), 0)).toEqual({ value: 5, source: 'environment', place: 'A', over: ['B'] });
  expect(inForce([said('model', undefined)], 0)).toEqual({ value: 0, source: 'default', place: '', over: [] });
  expect(inForce<number | null>([said('file', 0)], null).value).toBe(0);
});

test('no order of asking changes who has the word', () => {
  const one = fc.record({ rank: fc.constantFrom(...ranks), value: fc.option(fc.nat(9), { nil: undefined }) });
  fc.assert(
    fc.property(fc.uniqueArray(one, { selector: ({ rank }) => rank }), (all) => {
      const found = inForce(
        all.map(({ rank, value }) => said(rank, value)),
        -1,
      );
      const highest = ranks.find((rank) => all.some((each) => each.rank === rank && each.value !== undefined));
      expect(found.source).toBe(highest ?? 'default');
      expect(found.value).toBe(all.find(({ rank }) => rank === highest)?.value ?? -1);
    }),
  );
});
