import { expect, test } from 'vitest';
import { createQuotes, withTexts } from './quotes.ts';

const said = 'My name is Zyxomander. I live at Quillonix Lane 14 in Verbatium.\nThanks!';
const quotes = createQuotes([said, 'a short one', 'yes', 'Größe "XL" bitte 😀 merken']);

test.each([
  ['the whole text', `He said: ${said} and went.`, true],
  ['one sentence of it', 'Answer: I live at Quillonix Lane 14 in Verbatium. Bye.', true],
  ['a sentence that is anybody’s', 'Thanks! My name is Bob.', false],
  ['a text that is too short', 'yes, a short one', false],
  ['as JSON writes it', JSON.stringify({ text: said }), true],
  ['as Python writes JSON', '"Gr\\u00f6\\u00dfe \\"XL\\" bitte \\ud83d\\ude00 merken"', true],
  ['nothing of it', 'Something else that nobody ever said in that chat.', false],
])('%s', (_name, text, expected) => {
  expect(quotes.areIn(text)).toBe(expected);
  const left = quotes.without(text);
  expect(left === text).toBe(!expected);
  expect(Buffer.byteLength(left)).toBe(Buffer.byteLength(text));
  expect(quotes.areIn(left)).toBe(false);
});

test('nothing is quoted where nothing was said', () => {
  expect(createQuotes([]).needles).toEqual([]);
  expect(createQuotes(['', ' \n ']).areIn('anything at all')).toBe(false);
});

test('every text of a JSON value is rewritten, and nothing else', () => {
  const value = { a: ['x', 1, null, { x: 'x' }], b: true };
  expect(withTexts(value, (text) => `${text}!`)).toEqual({ a: ['x!', 1, null, { x: 'x!' }], b: true });
});
