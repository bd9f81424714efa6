import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createKeyIds, keyOf } from './key-ids.ts';
import { createNameIds } from './name-ids.ts';
import { createNames } from './names.ts';

/** The numbers by the plainest means there are. */
function byHand(names: readonly string[]): number[] {
  const first = [...new Set(names)];
  return names.map((name) => first.indexOf(name));
}

/** Of few bytes, so that many begin alike. */
const key = fc.string({ unit: fc.constantFrom('\0', '\x01', '\x80', 'ÿ'), minLength: 16, maxLength: 16 });
/** Short ones, of which some are not of ASCII, and some no text that UTF-8 has. */
const name = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\uD800', '\u{1F600}'), maxLength: 3 });

test('keys have the same number where all their bits are the same, counted up, wherever they stand', () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 60 }), (keys) => {
      const ids = createKeyIds();
      expect(keys.map((one) => ids.idOf(keyOf(one)))).toEqual(byHand(keys));
      const bytes = Uint8Array.from(keys.flatMap((one) => [...Buffer.from(`\0\0\0\0${one}`, 'latin1')]));
      const words = new Uint32Array(bytes.buffer);
      expect(keys.map((_, at) => ids.idOf({ words, at: at * 5 + 1 }))).toEqual(byHand(keys));
    }),
  );
});

test('names have the same number where they are the same, and are found by it and by themselves', () => {
  fc.assert(
    fc.property(fc.array(name, { maxLength: 60 }), name, (names, other) => {
      const ids = createNameIds();
      expect(names.map(ids.idOf)).toEqual(byHand(names));
      expect(names.map((one) => ids.nameOf(ids.find(one)))).toEqual(names);
      expect(ids.find(other)).toBe([...new Set(names)].indexOf(other));
      expect(ids.count()).toBe(new Set(names).size);
    }),
  );
});

test('what was added unlooked, and what is asked for together, has one number each, as when it came one by one', () => {
  const few = fc.array(name, { maxLength: 5 });
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 60 }), few, few, (added, asked, later) => {
      for (const looked of [[], later]) {
        const ids = createNameIds();
        const first = looked.map(ids.idOf);
        const there = added.filter((one) => !looked.includes(one)).map((one) => [one, ids.add(one)] as const);
        const together = [...ids.idsOf(asked)];
        const all = [...looked.map((one, at) => [one, first[at]] as const), ...there];
        for (const [one, number] of all) {
          expect(ids.find(one)).toBe(number);
          expect(ids.nameOf(number ?? -1)).toBe(one);
        }
        expect(together).toEqual(asked.map(ids.find));
        expect(together.map(ids.nameOf)).toEqual(asked);
        expect(ids.count()).toBe(new Set([...all.map(([one]) => one), ...asked]).size);
        expect([...ids.idsOf(asked)]).toEqual(together);
      }
    }),
  );
});

test('names stand in the order of strings', () => {
  fc.assert(
    fc.property(fc.array(name, { maxLength: 20 }), (given) => {
      const names = createNames();
      for (const one of given) names.add(one);
      for (const [a, one] of given.entries()) {
        expect(names.of(a)).toBe(one);
        for (const [b, other] of given.entries()) {
          expect(Math.sign(names.compare(a, b))).toBe(one < other ? -1 : one > other ? 1 : 0);
          expect(names.is(a, other)).toBe(one === other);
        }
      }
    }),
  );
});

test('there is room for as many as come', () => {
  const [keys, names] = [createKeyIds(), createNameIds()];
  const all = Array.from({ length: 20_000 }, (_, at) => String(at).padEnd(16, '-'));
  const numbers = all.map((_, at) => at);
  for (let round = 0; round < 2; round += 1) {
    expect(all.map((one) => keys.idOf(keyOf(one)))).toEqual(numbers);
    expect(all.map(names.idOf)).toEqual(numbers);
  }
  const more = createNameIds();
  expect(all.map(more.add)).toEqual(numbers);
  expect([...more.idsOf(['new', all[7] ?? '', 'new', all[19_999] ?? ''])]).toEqual([20_000, 7, 20_000, 19_999]);
});
