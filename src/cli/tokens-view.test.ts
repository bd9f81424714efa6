import { expect, test } from 'vitest';
import { type RowTokens, tokensText } from './tokens-view.ts';

function row(change: Partial<RowTokens> = {}): RowTokens {
  const pieces = ['<user>', 'Hi', '\n', '<bot>', 'Hel', 'lo', '<end>', '\n'];
  return {
    split: 'train',
    row: 'a.0',
    base: 'tiny',
    weight: 1,
    max_seq_length: 100,
    kept: pieces.length,
    learned: 3,
    broken_turns: 0,
    fault: null,
    tokens: pieces.map((piece, id) => ({ id, piece, learned: id >= 4 && id <= 6 })),
    ...change,
  };
}

test('learned tokens are marked, with colour or without', () => {
  expect(tokensText(row(), false)).toBe(
    'a.0  train  tiny  8 tokens, 3 learned, weight 1\n\n<user>Hi⏎\n<bot>⟦Hello<end>⟧⏎\n',
  );
  expect(tokensText(row(), true)).toContain('\u001b[1;32mHello<end>\u001b[0m');
});

test('what training cuts off is told and marked', () => {
  const text = tokensText(row({ kept: 5, learned: 1, max_seq_length: 5 }), false);
  expect(text).toContain('8 tokens, cut to 5 by max_seq_length 5, 1 learned');
  expect(text).toContain('⟦Hel⟧⟪lo<end>⏎\n⟫');
});

test('why training refuses it is told', () => {
  expect(tokensText(row({ fault: 'Row a.0 has no token to learn.' }), false)).toMatch(/refused: Row a\.0/);
  expect(tokensText(row({ broken_turns: 2 }), false)).toContain('2 answers are not learned');
});

test.each(['\u001b[2J', '\u0007', '\r', '\u009b1m', '\u202etxt', '\ud800', '\u0000'])(
  'nothing in a chat steers the terminal: %j',
  (text) => {
    const shown = tokensText(row({ tokens: [{ id: 1, piece: text, learned: false }], row: text, fault: text }), false);
    // oxlint-disable-next-line no-control-regex
    expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    expect(shown).toContain(`\\u${text.charCodeAt(0).toString(16).padStart(4, '0')}`);
  },
);
