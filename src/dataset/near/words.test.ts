import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wordHashes } from './words.ts';

const same = (a: string, b: string) => expect(wordHashes(a)).toEqual(wordHashes(b));

test.each([
  ['', 0],
  ['…!? 🙂🙂', 0],
  ['one', 1],
  ['Don’t stop', 3],
  ['a1b2 3.14 x_y', 5],
  ['привет, мир', 2],
  ['안녕하세요 세계', 2],
  ['日本語を話す', 6],
  ['GPUを3台', 4],
  ['ก็ดี', 4],
  ['\u{20000}\u{20001}', 2],
  ['\u{10400}\u{10401} x', 2],
  ['\ud800 lone \udc00', 1],
])('%j has %i words', (text, count) => {
  expect(wordHashes(text)).toHaveLength(count);
});

test.each([
  ['Hello, WORLD', 'hello world!'],
  ['ΟΔΟΣ Οδός'.normalize('NFC'), 'οδος οδός'],
  ['ÉCOLE', 'école'],
  ['\u{10400}', '\u{10428}'],
])('%j and %j are the same words', same);

test.each([
  ['ab c', 'a bc'],
  ['日本', '本日'],
  ['straße', 'strasse'],
  ['café', 'cafe'],
])('%j and %j are not', (a, b) => {
  expect(wordHashes(a)).not.toEqual(wordHashes(b));
});

test('the scan agrees with the rule as a regular expression says it', () => {
  const own =
    '\\p{scx=Han}\\p{scx=Hiragana}\\p{scx=Katakana}\\p{scx=Bopomofo}\\p{scx=Thai}\\p{scx=Lao}\\p{scx=Khmer}\\p{scx=Myanmar}';
  const rule = new RegExp(`[[\\p{L}\\p{M}\\p{N}]&&[${own}]]|[[\\p{L}\\p{M}\\p{N}]--[${own}]]+`, 'gv');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      expect(wordHashes(text)).toHaveLength(text.match(rule)?.length ?? 0);
    }),
    { numRuns: 300 },
  );
});
