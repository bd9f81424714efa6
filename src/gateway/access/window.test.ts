import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMinuteWindow } from './window.ts';

const minute = 60_000;

/** Steps of a clock with the amount that somebody wants to use at each. */
const uses = fc.array(
  fc.record({ after: fc.oneof(fc.nat(300), fc.nat(5_000), fc.nat(90_000)), amount: fc.integer({ min: 1, max: 9 }) }),
  { maxLength: 300 },
);

test('no sliding minute holds more than the limit, and what is refused fits when the wait is over', () => {
  fc.assert(
    fc.property(uses, fc.integer({ min: 9, max: 60 }), fc.nat(10 ** 9), (steps, limit, start) => {
      const window = createMinuteWindow();
      const admitted: { at: number; amount: number }[] = [];
      let at = start;
      for (const { after, amount } of steps) {
        at += after;
        const fits = window.sum(at) + amount <= limit;
        if (fits) {
          window.add(at, amount);
          admitted.push({ at, amount });
        } else {
          const wait = window.waitFor(at, limit - amount + 1);
          expect(wait).toBeGreaterThan(0);
          expect(wait).toBeLessThanOrEqual(minute + 1_000);
          const later = createMinuteWindow();
          for (const one of admitted) later.add(one.at, one.amount);
          expect(later.sum(at + wait - 1) + amount).toBeGreaterThan(limit);
          expect(later.sum(at + wait)).toBeLessThanOrEqual(limit - amount);
        }
      }
      for (const { at: end } of admitted) {
        const held = admitted.filter((one) => one.at > end - minute && one.at <= end);
        expect(held.reduce((sum, one) => sum + one.amount, 0)).toBeLessThanOrEqual(limit);
      }
    }),
  );
});

test('what was used is given back a second after its minute at the latest', () => {
  fc.assert(
    fc.property(uses, fc.nat(10 ** 9), (steps, start) => {
      const window = createMinuteWindow();
      const used: { at: number; amount: number }[] = [];
      let at = start;
      for (const { after, amount } of steps) {
        at += after;
        window.add(at, amount);
        used.push({ at, amount });
        const within = (ms: number) => used.filter((one) => one.at > at - ms).reduce((sum, one) => sum + one.amount, 0);
        expect(window.sum(at)).toBeGreaterThanOrEqual(within(minute));
        expect(window.sum(at)).toBeLessThanOrEqual(within(minute + 1_000));
      }
      const empty = at + window.empties(at);
      if (used.length > 0) expect(window.sum(empty - 1)).toBeGreaterThan(0);
      expect(window.sum(empty)).toBe(0);
    }),
  );
});
