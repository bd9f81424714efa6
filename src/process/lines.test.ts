import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitLines } from './lines.ts';

function split(chunks: Buffer[], limit?: number): string[] {
  const lines: string[] = [];
  const splitter = splitLines((line) => lines.push(line), limit);
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

test.each([
  ['nothing', '', []],
  ['one line', 'a\n', ['a']],
  ['no end', 'a\nb', ['a', 'b']],
  ['empty lines', '\n\na\n', ['', '', 'a']],
  ['carriage returns', 'a\r\nb\r\n', ['a', 'b']],
])('%s', (_name, text, expected) => {
  expect(split([Buffer.from(text)])).toEqual(expected);
});

test('however the bytes are cut, the lines are the same', () => {
  const line = fc.string({ unit: 'binary' }).map((text) => text.replaceAll(/[\r\n]/g, ''));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), fc.array(fc.nat(200), { maxLength: 8 }), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const bounds = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
      const chunks = bounds.slice(1).map((end, index) => bytes.subarray(bounds[index], end));
      expect(split(chunks)).toEqual(lines.map((text) => Buffer.from(text).toString()));
    }),
  );
});

test('a long line is cut and the next is whole', () => {
  expect(split([Buffer.from('abcdef'), Buffer.from('ghi\nxyz\n')], 4)).toEqual(['abcd', 'xyz']);
});
