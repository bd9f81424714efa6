import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createSieve } from './sieve.ts';

const hashes = fc.array(fc.nat(2 ** 32 - 1), { maxLength: 40 });

test('every member is found, in its order, and what is found is what it says it has', () => {
  fc.assert(
    fc.property(hashes, hashes, fc.nat(5), (members, others, from) => {
      const sieve = createSieve(members.length);
      for (const member of members) sieve.add(member);
      expect(members.every(sieve.has)).toBe(true);
      const all = Uint32Array.from([...others, ...members, ...others]);
      const found = new Uint32Array(all.length + 1);
      const count = sieve.scan(all, from, all.length, found);
      expect([...found.subarray(0, count)]).toEqual([...all.subarray(from)].filter(sieve.has));
    }),
  );
});

test('of many that are none few are taken for members, and all of those by a sieve with more members', () => {
  const count = 10_000;
  const [some, more] = [createSieve(2 * count), createSieve(2 * count)];
  const hashOf = (number: number): number => Math.imul(number + 1, 0x85ebca6b) >>> 0;
  for (let number = 0; number < 2 * count; number += 1) {
    more.add(hashOf(number));
    if (number % 2 === 0) some.add(hashOf(number));
  }
  const others = Array.from({ length: 10 * count }, (_, at) => hashOf(2 * count + at));
  const taken = others.filter(some.has);
  expect(taken.length).toBeLessThan(others.length / 100);
  expect(taken.every(more.has)).toBe(true);
});
