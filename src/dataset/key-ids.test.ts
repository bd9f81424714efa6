import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createKeyIds } from './key-ids.ts';
import { createNameIds } from './name-ids.ts';

/** The numbers by the plainest means there are. */
function byHand(names: readonly string[]): number[] {
  const first = [...new Set(names)];
  return names.map((name) => first.indexOf(name));
}

/** Of few bytes, so that many begin alike. */
const key = fc.string({ unit: fc.constantFrom('\0', '\x01', '\x80', 'ÿ'), minLength: 16, maxLength: 16 });

test('keys have the same number where all their bits are the same, counted up', () => {
  fc.assert(
    fc.property(fc.array(key, { maxLength: 60 }), (keys) => {
      expect(keys.map(createKeyIds().idOf)).toEqual(byHand(keys));
      const bytes = Uint8Array.from(keys.flatMap((one) => [...Buffer.from(`\0\0\0\0${one}`, 'latin1')]));
      const words = new Uint32Array(bytes.buffer);
      const ids = createKeyIds();
      expect(keys.map((_, at) => ids.idAt(words, at * 5 + 1))).toEqual(byHand(keys));
      expect(keys.map(ids.idOf)).toEqual(byHand(keys));
    }),
  );
});

test('names have the same number where they are the same, and are found by it and by themselves', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 2 }), { maxLength: 60 }), fc.string(), (names, other) => {
      const ids = createNameIds();
      expect(names.map(ids.idOf)).toEqual(byHand(names));
      expect(names.map((name) => ids.nameOf(ids.find(name)))).toEqual(names);
      expect(ids.find(other)).toBe([...new Set(names)].indexOf(other));
      expect(ids.count()).toBe(new Set(names).size);
    }),
  );
});

test('there is room for as many as come', () => {
  const [keys, names] = [createKeyIds(), createNameIds()];
  const all = Array.from({ length: 20_000 }, (_, at) => String(at * 7919).padStart(16, '0'));
  for (const ids of [keys, names]) {
    expect(all.map(ids.idOf)).toEqual(all.map((_, at) => at));
    expect(all.map(ids.idOf)).toEqual(all.map((_, at) => at));
  }
});
