import fc from 'fast-check';
import { expect, test } from 'vitest';
import { edited, editsBetween } from './edits.ts';

test.each([
  ['I am anna@example.org.', 'I am [EMAIL_1].'],
  ['anna@example.org', '[EMAIL_1]'],
  ['From a@b.org to c@d.org and a@b.org', 'From [EMAIL_1] to [EMAIL_2] and [EMAIL_1]'],
  ['[EMAIL_1] is what I wrote', '[EMAIL_1] is what I wrote'],
  ['nothing', 'nothing'],
])('%s becomes %s, and the edits hold nothing of it', (from, to) => {
  const edits = editsBetween(from, to);
  expect(edited(from, edits ?? [])).toBe(to);
  expect((edits ?? []).every(([, , text]) => /^\[[A-Z]+_\d+\]$/u.test(text))).toBe(true);
});

test.each([
  ['one text', 'another text'],
  ['a@b.org', 'x [EMAIL_1]'],
  ['a@b.org+49 30 1', '[EMAIL_1][PHONE_1]'],
])('%s and %s differ in more, or in what cannot be placed', (from, to) => {
  expect(editsBetween(from, to)).toBeNull();
});

test('edits that are found make the text, whatever was replaced', () => {
  const part = fc.oneof(
    fc.constantFrom('a', ' ', 'ab', 'aba', '.'),
    fc.record({ secret: fc.constantFrom('a', 'ab', 'xyz', 'a b') }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const from = parts.map((one) => (typeof one === 'string' ? one : one.secret)).join('');
      const to = parts.map((one, at) => (typeof one === 'string' ? one : `[SECRET_${at}]`)).join('');
      const edits = editsBetween(from, to);
      if (edits) expect(edited(from, edits)).toBe(to);
    }),
  );
});
