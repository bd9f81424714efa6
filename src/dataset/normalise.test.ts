import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normaliseText } from './normalise.ts';

test('every run of white space is one space, none at the ends, and the form is NFC', () => {
  const part = fc.constantFrom('a', 'é', 'e\u0301', ' ', '  ', '\n', '\t', '\u00a0', '\u2028', '\u3000', '語');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
      const words = parts.join('').normalize('NFC').split(/\s+/u);
      expect(normaliseText(parts.join(''))).toBe(words.filter((word) => word !== '').join(' '));
    }),
    { numRuns: 1000 },
  );
});
