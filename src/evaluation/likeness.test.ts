import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chrF } from './likeness.ts';

describe('chrF', () => {
  // Values of sacreBLEU 2.x, CHRF(word_order=0, char_order=6, beta=2).sentence_score / 100.
  test.each([
    ['the cat sat on the mat', 'the cat sat on a mat', 0.720848317308462],
    ['Helsinki', 'The Juniper blender is repaired in Helsinki.', 0.18416465966108825],
    ['abc', 'abc', 1],
    ['ab', 'abc', 0.6363636363636362],
    ['Grüße aus 東京', 'Grüße nach 東京', 0.3325692280081126],
    ['', 'abc', 0],
    ['xyz', 'abc', 0],
    ['aaaa', 'aa', 0.7812499999999999],
  ])('%j against %j', (text, reference, score) => {
    expect(chrF(text, reference)).toBeCloseTo(score, 12);
  });

  test('is 1 for the reference itself, and in [0, 1] always', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (text, reference) => {
        expect(chrF(reference, reference)).toBeCloseTo(1, 12);
        expect(chrF(text, reference)).toBeGreaterThanOrEqual(0);
        expect(chrF(text, reference)).toBeLessThanOrEqual(1 + 1e-12);
      }),
    );
  });
});
