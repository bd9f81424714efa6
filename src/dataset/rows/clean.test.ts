import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cleanMessage, cleanText } from './clean.ts';

test.each([
  ['plain text', 'One line.\n\nAnother.', 'One line.\n\nAnother.'],
  ['line ends', 'a\r\nb\rc', 'a\nb\nc'],
  ['the ends', '\n\n  a  b \n\n', 'a  b'],
  ['white space at line ends', 'a  \nb\t\n', 'a\nb'],
  ['more than one empty line', 'a\n\n\n\nb', 'a\n\nb'],
  ['other spaces', 'a\u00a0b\u2009c\u3000d', 'a b c d'],
  ['what is invisible', '\ufeffa\u200bb\u00adc\u0007d', 'abcd'],
  ['what joins letters and emoji', 'می\u200cخواهم 👩\u200d💻', 'می\u200cخواهم 👩\u200d💻'],
  ['composed letters', 'e\u0301', 'é'],
  ['fenced code', 'see:\n```py\na = 1  \n\n\n\nb = 2\n```\n\n\n\nok  ', 'see:\n```py\na = 1  \n\n\n\nb = 2\n```\n\nok'],
  ['a longer fence', '````\n```  \n\n\n````\nx  ', '````\n```  \n\n\n````\nx'],
  ['code without an end', '```\na  \n\n\n b  ', '```\na  \n\n\n b  '],
  ['code after something invisible', '\u200b~~~\na  \n~~~\nb ', '~~~\na  \n~~~\nb'],
  ['code that is indented at the beginning', '\n     ~~~\na  \n~~~\nb ', '~~~\na  \n~~~\nb'],
  ['indentation', 'a\n  b\n    c', 'a\n  b\n    c'],
])('%s', (_name, text, clean) => {
  expect(cleanText(text)).toBe(clean);
});

test('what is clean stays as it is', () => {
  const text = fc.string({ unit: fc.constantFrom('a', ' ', '\n', '\r', '```', '\t', '\u00a0', 'é', '~~~', '\u200b') });
  fc.assert(
    fc.property(text, (given) => {
      expect(cleanText(cleanText(given))).toBe(cleanText(given));
    }),
  );
});

test('what looks clean at once is what is clean', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b c', ' ', '\n', '\t', 'é', '~~~') });
  fc.assert(
    fc.property(text, (given) => {
      // What is invisible goes, wherever it stands, but it has every line looked at.
      expect(cleanText(given)).toBe(cleanText(`\u200b${given}`));
    }),
    { numRuns: 2000 },
  );
});

test('a message without anything to put right is the same object', () => {
  const message = { role: 'user', content: 'Hello.' };
  expect(cleanMessage(message)).toBe(message);
  expect(cleanMessage({ role: 'tool', content: 'x ', tool_call_id: 'c' })).toEqual({
    role: 'tool',
    content: 'x',
    tool_call_id: 'c',
  });
});
