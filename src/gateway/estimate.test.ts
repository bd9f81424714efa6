import { expect, test } from 'vitest';
import type { Json } from '../core/canonical.ts';
import { estimateTokens } from './estimate.ts';

test.each<[Json[], number]>([
  [[], 0],
  [[null, 7, true], 0],
  [['abcd'], 1],
  [['abcde'], 2],
  [['ab', 'cd'], 1],
  [['żółw'], 2],
  [[{ role: 'user', content: 'x'.repeat(396) }], 100],
  [[[{ type: 'text', text: 'abcd' }, { image_url: { url: `data:image/png;base64,${'A'.repeat(9_000)}` } }]], 2],
])('%j', (parts, tokens) => {
  expect(estimateTokens(...parts)).toBe(tokens);
});
