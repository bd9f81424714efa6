import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shingleHashes, shinglesOfLines } from '../near/shingles.ts';
import { rememberWords, wordHashes } from '../near/words.ts';
import { documentOf, linesOfDocument } from './document.ts';

/** With marks that would join what stands before them, and texts without a word. */
const piece = fc.constantFrom(
  'alpha',
  'beta',
  ' ',
  '\n',
  'e\u0301',
  '\u0301',
  'が',
  'か\u3099',
  '한',
  '...',
  '\u{1f600}',
  '\ud800',
);
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
const message = fc.record({ role: fc.constantFrom('user', 'assistant', 'tool'), content: text });
const messages = fc.array(message, { minLength: 1, maxLength: 6 });

test('lines that are each in NFC are a text in NFC, and their words are its words', () => {
  const wordsOf = rememberWords();
  fc.assert(
    fc.property(messages, (said) => {
      const document = documentOf(said);
      expect(document.normalize('NFC')).toBe(document);
      expect(shinglesOfLines(linesOfDocument(said), wordsOf)).toEqual(shingleHashes(document));
    }),
    { numRuns: 500 },
  );
});

test('words that are remembered are those of the text', () => {
  const wordsOf = rememberWords();
  fc.assert(
    fc.property(fc.array(text, { maxLength: 12 }), (texts) => {
      for (const one of [...texts, ...texts.toReversed()]) expect(wordsOf(one)).toEqual(wordHashes(one));
    }),
  );
});

test('a short exchange is told apart by what came before it, a long one not', () => {
  const before = [
    { role: 'user', content: 'What is it?' },
    { role: 'assistant', content: 'A lake.' },
  ];
  const ask = { role: 'user', content: 'Where?' };
  const short = [...before, ask, { role: 'assistant', content: 'In the north.' }];
  expect(linesOfDocument(short)).toEqual(['What is it?', 'A lake.', 'Where?', 'In the north.']);
  const long = { role: 'assistant', content: 'north '.repeat(60) };
  expect(linesOfDocument([...before, ask, long])).toEqual(['Where?', long.content]);
});
