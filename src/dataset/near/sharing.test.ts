import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sharingWithFresh } from './sharing.ts';
import { bandCount } from './signature.ts';

test('those that share a key with a fresh document in the same band are found, and no other', () => {
  const document = fc.record({
    // Few keys, and some that differ in one bit.
    keys: fc.array(fc.constantFrom(0, 1, 2, 2 ** 31, 2 ** 32 - 1), { minLength: bandCount, maxLength: bandCount }),
    lone: fc.nat(2 ** 32 - 1),
    fresh: fc.boolean(),
    isAlike: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(document, { maxLength: 30 }), (documents) => {
      // Keys that are like nobody's, but for those of a band or two.
      const bandsOf = documents.map(({ keys, lone, isAlike }, at) =>
        keys.map((key, band) =>
          isAlike && band < 2 ? key : (lone ^ Math.imul(at * bandCount + band, 0x85ebca6b)) >>> 0,
        ),
      );
      const fresh = documents.map((one) => Number(one.fresh));
      const expected = bandsOf.map((bands, at) =>
        Number(
          bandsOf.some(
            (other, there) => fresh[there] && (there === at || bands.some((key, band) => key === other[band])),
          ),
        ),
      );
      const found = sharingWithFresh(documents.length, Uint32Array.from(bandsOf.flat()), fresh);
      expect([...found]).toEqual(expected);
    }),
    { numRuns: 500 },
  );
});

test('of many, with one in a hundred fresh, those that share none are left', () => {
  const count = 20_000;
  const bands = Uint32Array.from({ length: count * bandCount }, (_, at) => Math.imul(at + 1, 0x9e3779b1));
  const fresh = Uint8Array.from({ length: count }, (_, at) => Number(at % 100 === 0));
  for (let at = 0; at < count; at += 100) bands[(at + 7) * bandCount + 3] = bands[at * bandCount + 3] as number;
  const found = sharingWithFresh(count, bands, fresh);
  expect([...found].flatMap((mark, at) => (mark ? [at % 100] : [])).length).toBe(count / 50);
  expect(new Set([...found].flatMap((mark, at) => (mark ? [at % 100] : [])))).toEqual(new Set([0, 7]));
});
